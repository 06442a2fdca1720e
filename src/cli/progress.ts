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
 * The notebook's line for an epoch. Its time is that of training and validation, hh:mm:ss and
 * hundredths: `Epoch 0. Train Loss: 0.300847, Train Acc: 0.911950, Valid Loss: 0.188840, Valid Acc:
 * 0.943890, Time 00:00:26.12`
 */
export function formatEpochLine(record: EpochRecord): string {
  const { epoch, trainLoss, trainAcc, validLoss, validAcc } = record
  return (
    `Epoch ${epoch}. ` +
    `Train Loss: ${trainLoss.toFixed(6)}, Train Acc: ${trainAcc.toFixed(6)}, ` +
    `Valid Loss: ${validLoss.toFixed(6)}, Valid Acc: ${validAcc.toFixed(6)}, ` +
    `Time ${formatTime(record.trainSeconds + record.validSeconds)}`
  )
}

/** Rounded before it is split, so that 59.999 s is 00:01:00.00. */
function formatTime(seconds: number): string {
  const hundredths = Math.round(seconds * 100)
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0')
  return (
    `${two(hundredths / 360_000)}:${two((hundredths / 6_000) % 60)}:` +
    `${two((hundredths / 100) % 60)}.${two(hundredths % 100)}`
  )
}
