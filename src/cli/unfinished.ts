import type { BatchProgress } from '../index.node.js'
import { formatLoss } from './progress.js'

/** Where a training ended that had more epochs to go. */
export interface End {
  net: string
  /** The epoch that was not finished, from 0. */
  epoch: number
  /** How many there should be. */
  epochs: number
  /** By Ctrl-C; else by an error. */
  interrupted: boolean
  /** The last that `fit` told, of whatever epoch. */
  progress: BatchProgress | undefined
}

/** What is known of the epoch itself. */
function progressOf({ epoch, progress }: End): BatchProgress | undefined {
  return progress?.epoch === epoch ? progress : undefined
}

/** "interrupted in epoch 4 of 10, after 812 of 1,875 batches: Train Loss 0.3123" */
export function inWords(end: End): string {
  const count = (value: number) => value.toLocaleString('en')
  const known = progressOf(end)
  const how = end.interrupted ? 'interrupted' : 'stopped by an error'
  const where = `${how} in epoch ${end.epoch + 1} of ${end.epochs}`
  if (!known) return `${where}, before it had a figure`
  return `${where}, after ${count(known.batch)} of ${count(known.batches)} batches: Train Loss ${formatLoss(known.loss)}`
}

/** The same as a line of `--json`; the figures are left out where there are none. */
export function asRecord(end: End): Record<string, unknown> {
  const known = progressOf(end)
  return {
    net: end.net,
    interrupted: true,
    epoch: end.epoch,
    ...(known && { batch: known.batch, batches: known.batches, trainLoss: known.loss }),
  }
}
