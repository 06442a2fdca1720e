/** What an inspection's report is made of. */
import type { Figures } from './passes.js'

/** Counts of values in equal steps from `from` to `to`. */
export interface Histogram {
  /** Where the first step begins. */
  from: number
  /** Where the last one ends. */
  to: number
  /** Values in each step. */
  counts: readonly number[]
}

/** One channel of a batch norm layer. */
export interface ChannelReport {
  /** Its number, from 0. */
  channel: number
  /** As the layer has them. */
  runningMean: number
  /** As the layer has it. */
  runningVar: number
  /** Of the layer's inputs over the data, in training mode. */
  trueMean: number
  /** As `trueMean`; unbiased. */
  trueVar: number
  /** (runningMean − trueMean) / √trueVar. */
  drift: number
  /** runningVar / trueVar. */
  varianceRatio: number
  /** The weight; 1 without. */
  gamma: number
  /** The bias; 0 without. */
  beta: number
  /** Why nothing comes out of it, if so: gamma about 0, the input's variance about 0, or a ReLU behind that never fires. */
  dead: 'gamma' | 'variance' | 'relu' | undefined
}

/** One batch norm layer. */
export interface NormReport {
  /** Its path in the net. */
  path: string
  /** Its class. */
  type: string
  /** 'frozen' is evaluation, by freezeBatchNorm. */
  mode: 'training' | 'evaluation' | 'frozen'
  /** PyTorch's meaning; null is the average over all. By hand, as it was observed; undefined where it was not. */
  momentum: number | null | undefined
  /** Batches that training has shown it; undefined where it does not count. */
  batchesTracked: number | undefined
  /** The root of the mean square of the channels' drift, in standard deviations. */
  drift: number
  /** As `drift`, but in standard deviations of the samples' own means: without spatial dimensions the same. */
  driftOfSamples: number
  /** The median of the channels' ratio of running to true variance. */
  varianceRatio: number
  /** Whether it was seen to take the biased variance into its running statistics. */
  biased: boolean
  /** This layer's share of what wrong statistics do to the output, from 0 to 1; 0 where they do nothing. */
  errorShare: number
  /** Each of its channels. */
  channels: readonly ChannelReport[]
  /** Of some values of what goes in and what comes out in evaluation mode. */
  before: Histogram | undefined
  /** As `before`, of what comes out. */
  after: Histogram | undefined
}

/** Loss and accuracy of a net in different ways of running it. */
export interface ModeReport {
  /** As it is to be used. */
  evaluation: Figures
  /** In training mode, in the data's batches; undefined where these have a single value a channel. */
  training: Figures | undefined
  /** In training mode, in batches that are sorted by class; undefined without classes. */
  trainingSorted: Figures | undefined
  /** In evaluation, with the statistics of the data. */
  recalibrated: Figures
}

/** What it may be. */
export type AdviceCode =
  | 'validated-in-training-mode'
  | 'statistics-in-graph'
  | 'momentum-swapped'
  | 'momentum-one'
  | 'momentum-zero'
  | 'biased-variance'
  | 'tiny-batches'
  | 'sorted-by-class'
  | 'input-scale'
  | 'evaluation-mode'
  | 'frozen-shift'
  | 'stalled-average'
  | 'dead-channels'
  | 'drift'

/** Something that is wrong. */
export interface Advice {
  /** For programs. */
  code: AdviceCode
  /** The layers that it is about; none for the net or its data. */
  layers: readonly string[]
  /** For people: what is seen, what it comes from, what to do. */
  text: string
}

/** All that an inspection tells. */
export interface ReportContents {
  /** Each batch norm layer, in the net's order. */
  readonly layers: readonly NormReport[]
  /** Loss and accuracy by mode. */
  readonly modes: ModeReport
  /** The root mean square of what wrong statistics do to the outputs, as a share of the outputs' spread. */
  readonly outputError: number
  /** What is wrong, the gravest first; empty where nothing is. */
  readonly advice: readonly Advice[]
  /** Samples that it was inspected with. */
  readonly samples: number
  /** Samples of the data's batches. */
  readonly batchSize: number
}
