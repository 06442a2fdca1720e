/** What the command shows while it trains: a bar on a terminal, and one line an epoch. */
import cliProgress from 'cli-progress'
import type { EpochRecord } from './report-words.js'

/** Where the bar is drawn: a stream that may be a terminal. */
export type ProgressStream = NodeJS.WritableStream & { isTTY?: boolean }

/**
 * A bar for one epoch at a time (batches, loss so far, images a second, time left). It is drawn on
 * stderr, so that stdout stays lines, and only when that is a terminal: cli-progress prints nothing
 * elsewhere by default.
 */
export class EpochProgress {
  readonly #stream: ProgressStream
  #bar: cliProgress.SingleBar | undefined

  constructor(stream: ProgressStream = process.stderr) {
    this.#stream = stream
  }

  /** Draws an empty bar of `total` batches, after ending the one before. */
  start(total: number, label: string): void {
    this.stop()
    this.#bar = new cliProgress.SingleBar({
      stream: this.#stream,
      format: '{label} {bar} {value}/{total} · loss {loss} · {speed} images/s · {eta_formatted} left',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 14,
      etaBuffer: 100,
      clearOnComplete: true,
      linewrap: true, // trims the line to the terminal's width
      // The command ends on a signal itself; a hidden cursor could then stay hidden.
      gracefulExit: false,
      hideCursor: null,
    })
    this.#bar.start(total, 0, { label, loss: '–', speed: '–' })
  }

  /** `batch` batches are done; the loss is their mean so far. Drawn ten times a second at most. */
  update(batch: number, lossSoFar: number, imagesPerSecond: number): void {
    this.#bar?.update(batch, {
      loss: lossSoFar.toFixed(4),
      speed: Math.round(imagesPerSecond).toLocaleString('en'),
    })
  }

  /** Removes the bar, so that a line can take its place. Safe to call at any time. */
  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

/**
 * The notebook's line for an epoch, shortened to fit a terminal of 80 columns. Epochs count from 1, as in the bar; the
 * time is that of training and validation:
 * `Epoch 1. Train Loss 0.3008, Acc 0.9120, Valid Loss 0.1888, Acc 0.9439, 26.1 s`
 */
export function formatEpochLine(record: EpochRecord): string {
  const { epoch, trainLoss, trainAcc, validLoss, validAcc, trainSeconds, validSeconds } = record
  return (
    `Epoch ${epoch + 1}. Train Loss ${formatLoss(trainLoss)}, ${formatAccuracy(trainAcc)}` +
    `Valid Loss ${formatLoss(validLoss)}, ${formatAccuracy(validAcc)}` +
    formatTime(trainSeconds + validSeconds)
  )
}

/** Nothing where answers are neither right nor wrong. */
function formatAccuracy(accuracy: number | undefined): string {
  return accuracy === undefined ? '' : `Acc ${accuracy.toFixed(4)}, `
}

/** Six places, so that large losses fit too: 0.3008, 12.346, 1234.6; beyond a million `1e+6`. */
export function formatLoss(loss: number): string {
  if (!(loss < 1e6)) return loss.toPrecision(1)
  const decimals = [4, 3, 2, 1].find((places) => loss.toFixed(places).length <= 6)
  return loss.toFixed(decimals ?? 0)
}

/** Six places: 0.95 s, 26.1 s, 3600 s. */
function formatTime(seconds: number): string {
  const decimals = [2, 1].find((places) => seconds.toFixed(places).length <= 4)
  return `${seconds.toFixed(decimals ?? 0)} s`
}
