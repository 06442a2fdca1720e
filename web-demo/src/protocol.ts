/** What page and worker tell each other. */
import type { Backend } from 'simdgrad'
import type { Settings } from './settings.js'

/** One value for each net. */
export interface Both<T> {
  norm: T
  plain: T
}

export const SIDES = ['norm', 'plain'] as const
export type Side = (typeof SIDES)[number]

export const NAMES: Both<string> = { norm: 'Batch norm', plain: 'Plain' }

/** A point of the curves, and a column of the histograms. */
export interface Point {
  step: number
  /** Mean training loss since the point before; NaN once a net has diverged. */
  loss: Both<number>
  /** Share of right answers on the test digits. */
  accuracy: Both<number>
  /** For each layer, densities of BINS bins, 0 … 255. */
  histograms: Both<Uint8Array>
}

/** Bins of a histogram; they share out −RANGE … RANGE, and the outer ones take what lies beyond. */
export const BINS = 40
export const RANGE = 4

/** A batch norm layer in numbers, one for each channel. */
export interface LayerStatistics {
  layer: number
  batchMean: Float32Array
  batchVar: Float32Array
  runningMean: Float32Array
  runningVar: Float32Array
  gamma: Float32Array
  beta: Float32Array
}

/** Test digits that a net gets wrong. */
export interface Mistakes {
  count: number
  of: number
  /** The first few. */
  shown: { label: number; answer: number; index: number }[]
  /** Their pixels, one digit after the other. */
  pixels: Uint8Array
}

export interface Progress {
  epoch: number
  step: number
  /** Training images a second, while a net trains. */
  imagesPerSecond: Both<number>
  /** The step at which a net's loss was no number any more. */
  diverged: Both<number | undefined>
}

export type FromWorker =
  | { kind: 'ready'; backend: Backend }
  | { kind: 'data'; train: number; test: number; failure: string | undefined }
  /** Both nets are new; what was drawn of the old ones goes. */
  | { kind: 'built'; layers: string[] }
  | { kind: 'playing'; playing: boolean; why: string }
  | {
      kind: 'frame'
      points: Point[]
      progress: Progress
      statistics: LayerStatistics | undefined
      answers: Both<Float32Array> | undefined
    }
  | { kind: 'mistakes'; mistakes: Both<Mistakes> }
  | { kind: 'recalibrated'; digits: number; before: number; after: number }
  /** A digit of the test data, for the pad. */
  | { kind: 'example'; pixels: Uint8Array }
  | { kind: 'weights'; side: Side; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'failed'; message: string }

export type ToWorker =
  | { kind: 'start'; base: string; settings: Settings }
  | { kind: 'settings'; settings: Settings }
  | { kind: 'play' }
  | { kind: 'pause' }
  | { kind: 'step' }
  | { kind: 'reset' }
  /** The page has shown the last frame. */
  | { kind: 'shown' }
  | { kind: 'layer'; layer: number }
  | { kind: 'draw'; pixels: Uint8Array | undefined }
  | { kind: 'example' }
  | { kind: 'recalibrate' }
  | { kind: 'weights'; side: Side }
  | { kind: 'fetch' }
