/** What page and worker tell each other. */
import type { Backend } from 'simdgrad'
import type { Norm, Settings } from './settings.js'

/** One value for each net. */
export interface Both<T> {
  norm: T
  plain: T
}

export const SIDES = ['norm', 'plain'] as const
export type Side = (typeof SIDES)[number]

/** Bins of a histogram; they share out −RANGE … RANGE, and the outer ones take what lies beyond. */
export const BINS = 40
export const RANGE = 4
/** Channels of each layer whose statistics are kept over time. */
export const CHANNELS = 12

/** A layer's values on some test digits: what a norm gets (`before`) and what goes into the ReLU (`after`). */
export interface Look {
  /** For each layer, densities of BINS bins, 0 … 255. */
  before: Uint8Array
  after: Uint8Array
  /** For each layer, the standard deviation of all of its values. */
  deviation: Float32Array
  /** For each layer, how far a unit moves from digit to digit: its standard deviation over them, averaged. */
  signal: Float32Array
}

/** Statistics of the first CHANNELS channels of every layer, layer by layer. */
export interface Running {
  batchMean: Float32Array
  batchVar: Float32Array
  runningMean: Float32Array
  runningVar: Float32Array
}

/** What a running mean in the graph holds on to, and what a step takes. */
export interface Held {
  operations: number
  milliseconds: number
}

/** A net with another norm, at a point of the curves. */
export interface Other {
  norm: Norm
  loss: number
  /** In evaluation mode. */
  accuracy: number
}

/** A point of the curves, and a column of the histograms. */
export interface Point {
  step: number
  /** Mean training loss since the point before; NaN once a net has diverged. */
  loss: Both<number>
  /** Share of right answers in evaluation mode. */
  accuracy: Both<number>
  /** The same of the nets with the other norms, where they are compared. */
  others: readonly Other[]
  /** How the settings had the test digits judged. */
  judged: Settings['evaluation']
  /** The same of the net with a norm in training mode; on sorted digits, where they were judged so. */
  training: number
  /** Looks in training mode, as the nets run, and in evaluation mode. */
  looks: { training: Both<Look>; evaluation: Both<Look> }
  /** Undefined before the first step, and for norms without running statistics. */
  running: Running | undefined
  held: Held | undefined
}

/** Something that a curve should be read with. */
export interface Event {
  step: number
  text: string
}

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

/** One channel of a batch norm layer on the last batch, of each digit (or pixel): the formula in numbers. */
export interface ChannelNumbers {
  layer: number
  channel: number
  eps: number
  gamma: number
  beta: number
  x: Float32Array
}

/** What a step would do: gradients by layer, and the loss along the step's direction. */
export interface Slope {
  /** Root of the sum of squares of the gradient of each layer's weights. */
  gradients: Both<Float32Array>
  /** Loss of the batch after a step of each of RATES, the first of which is 0. */
  losses: Both<Float32Array>
}
export const RATES = [0, 0.003, 0.01, 0.03, 0.1, 0.3] as const

/** A layer of the drawn net. */
export interface DrawnLayer {
  name: string
  units: number
  /** Units that `weights` has; side × side weights each, scaled to −127 … 127 by the layer's largest. */
  shown: number
  side: number
  weights: Int8Array
  /** Largest weight. */
  largest: number
  /** Gradient of the weights, root of the mean square. */
  gradient: number
  /** Gradients of the edges from the drawn units of the layer before to the drawn ones: [shown, before]. */
  edges: Float32Array
}

/** A net as it is drawn. `open` is the layer that is shown whole. */
export interface Drawing {
  side: Side
  layers: DrawnLayer[]
  open: { layer: number; drawn: DrawnLayer } | undefined
}

/** Test digits that a net gets wrong: the first few. */
export interface Mistakes {
  shown: { label: number; answer: number; index: number }[]
  /** Their pixels, one digit after the other. */
  pixels: Uint8Array
}

/** Answers on digits of the visitor's own, judged together: the most likely digit, and how sure the net is of it. */
export interface OwnAnswers {
  count: number
  /** Undefined where no labels are known. */
  right: { evaluation: Both<number>; training: number } | undefined
  /** Of the first few. */
  shown: {
    pixels: Uint8Array
    label: number | undefined
    evaluation: Both<Answer>
    training: Answer
  }[]
}
export interface Answer {
  digit: number
  sure: number
}

export interface Progress {
  /** Epochs that are over, and the share of the one at hand. */
  epoch: number
  step: number
  /** Training digits of this epoch. */
  digits: number
  /** Whether training waits for digits that are on their way. */
  waiting: boolean
  /** Training images a second, while a net trains. */
  imagesPerSecond: Both<number>
  /** The step at which a net's loss was no number any more. */
  diverged: Both<number | undefined>
}

/** A net in training, as bytes. */
export interface KeptNet {
  state: Uint8Array
  /** The optimiser's state as JSON, and its tensors. */
  optimizer: { json: string; tensors: Uint8Array }
  divergedAt: number | undefined
}

/** All that another worker needs to go on with training where this one was. */
export interface Checkpoint {
  settings: Settings
  step: number
  epoch: number
  at: number
  /** Digits in this epoch's order. */
  digits: number
  seen: number
  nets: Both<KeptNet>
  /** Nets with the other norms, in their order. */
  others: readonly KeptNet[]
  /** Training pauses by itself at this step. */
  until: number | undefined
}

/** What the page looks at, and so what the worker works out. */
export interface Wants {
  layer: number
  channel: number
  statistics: boolean
  numbers: boolean
  slope: boolean
  drawing: Side | undefined
  open: number | undefined
}

export type FromWorker =
  /** The worker runs. */
  | { kind: 'hello' }
  | { kind: 'pong' }
  | { kind: 'ready'; backend: Backend }
  | { kind: 'data'; train: number; test: number; failure: string | undefined }
  /** Both nets are new; what was drawn of the old ones goes. */
  | { kind: 'built'; layers: string[]; settings: Settings }
  /** Training goes on from a checkpoint. */
  | { kind: 'resumed'; step: number; layers: string[] }
  | { kind: 'playing'; playing: boolean; why: string }
  | {
      kind: 'frame'
      /** Of the last settings or scene that the worker has taken. */
      turn: number
      /** Whether training stands still, and the frame is all that there is to see. */
      resting: boolean
      points: Point[]
      events: Event[]
      progress: Progress
      statistics: LayerStatistics | undefined
      numbers: ChannelNumbers | undefined
      slope: Slope | undefined
      drawing: Drawing | undefined
      answers: Both<Float32Array> | undefined
    }
  | { kind: 'mistakes'; mistakes: Both<Mistakes> }
  | { kind: 'recalibrated'; digits: number; before: number; after: number }
  /** A digit of the test data, for the pad. */
  | { kind: 'example'; pixels: Uint8Array }
  | { kind: 'own'; answers: OwnAnswers }
  | { kind: 'refused'; what: string; why: string }
  | { kind: 'weights'; side: Side; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'checkpoint'; checkpoint: Checkpoint }
  | { kind: 'failed'; message: string }

export type ToWorker =
  | {
      kind: 'start'
      base: string
      settings: Settings
      until: number | undefined
      turn: number
      wants: Wants
      from?: Checkpoint
    }
  /** Each of the page's changes has its number, its turn, which comes back with what is seen of it. */
  | { kind: 'settings'; settings: Settings; turn: number }
  /** Both nets anew with these settings; pauses by itself at step `until`. */
  | { kind: 'scene'; settings: Settings; until: number | undefined; turn: number }
  /** Plays, up to step `until`. */
  | { kind: 'play'; until?: number }
  | { kind: 'pause' }
  | { kind: 'step' }
  | { kind: 'reset' }
  | { kind: 'ping' }
  /** The page has shown the last frame. */
  | { kind: 'shown' }
  | { kind: 'wants'; wants: Wants }
  | { kind: 'draw'; pixels: Uint8Array | undefined }
  | { kind: 'example' }
  /** Digits of the visitor's own: 784 bytes each, with labels or without. */
  | { kind: 'own'; pixels: Uint8Array; labels: Uint8Array | undefined }
  /** IDX files of images and, perhaps, labels. */
  | { kind: 'ownIdx'; images: Uint8Array; labels: Uint8Array | undefined }
  | { kind: 'recalibrate' }
  | { kind: 'weights'; side: Side }
  | { kind: 'fetch' }
