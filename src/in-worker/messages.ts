/** What a page and its training Worker say to each other. Types only. */
import type { BatchProgress, EpochResult, History } from '../train/training.js'

/** Values of a tensor, row-major, as they are sent. */
export interface SentTensor {
  /** The values. */
  readonly values: Float32Array
  /** The shape. */
  readonly shape: readonly number[]
}

/** A checkpoint: all that a training is. */
export interface SentCheckpoint {
  readonly name: string
  readonly bytes: Uint8Array
}

/** An error, of whatever class. */
export interface SentError {
  readonly name: string
  readonly message: string
  readonly code?: string | undefined
}

/** From the page to the Worker. */
export type ToWorker =
  | {
      readonly type: 'start'
      readonly settings: unknown
      readonly everySteps: number | undefined
      /** Milliseconds between its signs of life. */
      readonly beat: number
      /** What to go on from. */
      readonly checkpoint: SentCheckpoint | undefined
    }
  | { readonly type: 'abort' }
  | { readonly type: 'predict'; readonly id: number; readonly inputs: readonly SentTensor[] }

/** From the Worker to the page. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'beat' }
  | { readonly type: 'progress'; readonly progress: BatchProgress }
  | { readonly type: 'epoch'; readonly result: EpochResult }
  | { readonly type: 'checkpoint'; readonly checkpoint: SentCheckpoint }
  | { readonly type: 'prediction'; readonly id: number; readonly outputs: readonly SentTensor[] }
  | { readonly type: 'refused'; readonly id: number; readonly error: SentError }
  | { readonly type: 'done'; readonly history: History; readonly state: Uint8Array }
  | { readonly type: 'failed'; readonly error: SentError }
