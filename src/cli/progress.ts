/** What the command shows while it trains: a bar on a terminal, and one line an epoch. */
import cliProgress from 'cli-progress'
import type { BatchProgress } from '../index.node.js'
import type { EpochRecord } from './report-words.js'

/** Where the bar is drawn: a stream that may be a terminal. */
export type ProgressStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }

/** As wide as the bar's line may be, and as the other lines are. */
const COLUMNS = 80

/**
 * A bar for one epoch at a time: batches, loss so far, images a second, time left; each when it is known. It is drawn on
 * stderr, so that stdout stays lines, and only when that is a terminal: cli-progress prints nothing
 * elsewhere by default.
 */
export class EpochProgress {
  readonly #stream: ProgressStream
  #bar: cliProgress.SingleBar | undefined
  #label = ''

  constructor(stream: ProgressStream = process.stderr) {
    this.#stream = stream
  }

  /** Draws what is known of the epoch `label`; another one's bar ends. Drawn ten times a second at most. */
  update(label: string, { batch, batches, loss, imagesPerSecond }: Omit<BatchProgress, 'epoch'>): void {
    const payload = { loss, imagesPerSecond }
    if (this.#bar && label === this.#label) this.#bar.update(batch, payload)
    else this.#start(label, batches, batch, payload)
  }

  #start(label: string, batches: number, batch: number, payload: object): void {
    this.stop()
    this.#label = label
    const { columns = COLUMNS } = this.#stream
    this.#bar = new cliProgress.SingleBar({
      stream: this.#stream,
      format: (_, { value, total, eta }, payload) =>
        formatBar({ label, value, total, eta, ...payload }, Math.min(columns - 1, COLUMNS)),
      etaBuffer: 100,
      clearOnComplete: true,
      // The command ends on a signal itself; a hidden cursor could then stay hidden.
      gracefulExit: false,
      hideCursor: null,
    })
    this.#bar.start(batches, batch, payload)
  }

  /** Removes the bar, so that a line can take its place. Safe to call at any time. */
  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

/** What a bar's line may tell. */
export interface BarState {
  label: string
  /** Batches done, and in all. */
  value: number
  total: number
  /** Seconds left; 0 or no finite number where nobody knows. */
  eta: number
  loss?: number
  imagesPerSecond?: number
}

const BAR = 14

/** A bar's line: what is known, and of that the first parts that fit into so many columns. */
export function formatBar(
  { label, value, total, eta, loss, imagesPerSecond }: BarState,
  columns: number,
): string {
  const known = total > 0 && Number.isFinite(total)
  const full = known ? Math.round((BAR * Math.min(value, total)) / total) : 0
  const parts = [
    ...(known ? [`${'█'.repeat(full)}${'░'.repeat(BAR - full)}`] : []),
    known ? `${value}/${total}` : `${value} batches`,
    ...(loss !== undefined && Number.isFinite(loss) ? [`· loss ${formatLoss(loss)}`] : []),
    ...(imagesPerSecond !== undefined && Number.isFinite(imagesPerSecond) && value > 0
      ? [`· ${Math.round(imagesPerSecond).toLocaleString('en')} images/s`]
      : []),
    ...(known && value > 0 && value < total && Number.isFinite(eta) && eta > 0
      ? [`· ${timeLeft(eta)} left`]
      : []),
  ]
  let line = label.slice(0, columns)
  for (const part of parts) if (line.length + 1 + part.length <= columns) line += ` ${part}`
  return line
}

/** 12s, 3m05s, 1h02m. */
function timeLeft(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const whole = Math.ceil(seconds)
  const minutes = Math.floor(whole / 60)
  if (minutes === 0) return `${whole}s`
  if (minutes < 60) return `${minutes}m${two(whole % 60)}s`
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`
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
