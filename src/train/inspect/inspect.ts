/** What is wrong with a net's batch norm, found by running it. */

import { noGrad } from '../../autograd/tape.js'
import { checkNumber, checkOptions, kindOf } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import { Module } from '../../nn/module.js'
import { fromValues } from '../../tensor/create.js'
import { markStream } from '../../tensor/random.js'
import { Tensor } from '../../tensor/tensor.js'
import { exclusively } from '../exclusive.js'
import type { Loss } from '../loss.js'
import { type KeptState, keepState } from '../net-state.js'
import { type Batches, checkBatches } from '../recalibrate.js'
import { timeToYield, yieldToEvents } from '../yield.js'
import { adviceFor } from './advice.js'
import { CLASS_DRIFT, type Evidence } from './evidence.js'
import { fieldsInGraph } from './graph.js'
import { histogramOf, reportOfLayer } from './layer-report.js'
import { largestOf, type Measured, Measuring } from './measure.js'
import { type NormLayer, normLayersOf, stepsOf } from './norm-layers.js'
import { larger, mostFrequent, spreadOf, squared } from './outputs.js'
import { figuresOver, lossFor } from './passes.js'
import { hasReluBehind } from './relu-behind.js'
import { BatchNormReport } from './report.js'
import { type Batch, byClass, mixed, rearranged, type Samples, takeSamples } from './samples.js'
import type { Histogram, ModeReport } from './types.js'

/** Options of inspectBatchNorm. */
export interface InspectOptions {
  /** What judges the outputs; default cross entropy where the targets are classes, and else nothing does. */
  loss?: Loss
  /** How many samples to take at most. Default 2,048. */
  samples?: number
  /** Steps of the optimiser that the net was trained with, where it was not trained in this process. */
  steps?: number
}

/** Samples of which the outputs are compared, at most and at least; of all layers together, some thousands. */
const COMPARED = { most: 512, least: 64, together: 4096 }
/** Samples that are normalised together when statistics are taken. */
const TOGETHER = 64

/**
 * Looks at a net's batch norm: for each layer and channel the running statistics against those of the data, dead
 * channels, and the layer's share of the output's error; for the net loss and accuracy in evaluation, in training mode,
 * in training mode on batches sorted by class, and with the statistics of the data; and advice where something is wrong,
 * each with its figures. Layers written by hand are found too, by buffers or fields named after a mean and a variance.
 * Afterwards the net is as it was.
 *
 * ```ts
 * console.log(String(await inspectBatchNorm(net, loader)))
 * ```
 *
 * @param net what `forward` is called of, with the first tensor of a batch
 * @param data batches as in training, such as a DataLoader: [x, y], or x alone, with which there are no loss and accuracy
 * @returns numbers; `String(report)` is a table, and `report.toHTML()` a page
 * @throws {ArgumentError} for what is no module, data without a batch, or an unknown option
 */
export async function inspectBatchNorm(
  net: Module,
  data: Batches,
  options: InspectOptions = {},
): Promise<BatchNormReport> {
  const name = 'inspectBatchNorm'
  if (!(net instanceof Module)) throw new ArgumentError(`${name}: expected a Module, got ${kindOf(net)}`)
  checkBatches(name, data)
  checkOptions(name, options, ['loss', 'samples', 'steps'])
  const { loss, samples: most = 2048, steps } = options
  checkNumber(name, 'samples', most, { least: 2, whole: true })
  if (steps !== undefined) checkNumber(name, 'steps', steps, { least: 0, whole: true })
  if (loss !== undefined && typeof loss?.forward !== 'function') {
    throw new ArgumentError(`${name}: loss has a forward, such as nn.CrossEntropyLoss, got ${kindOf(loss)}`)
  }
  return exclusively(name, net, async () => {
    const samples = await takeSamples(data, most)
    const back = markStream()
    const state = keepState(net)
    try {
      return await new Inspection(net, samples, state, options).run()
    } finally {
      state.restoreBuffers()
      state.restoreModes()
      back()
    }
  })
}

class Inspection {
  readonly #layers: readonly NormLayer[]
  readonly #modes: readonly NormReportMode[]
  readonly #compared: number

  constructor(
    readonly net: Module,
    readonly samples: Samples,
    readonly state: KeptState,
    readonly options: InspectOptions,
  ) {
    this.#layers = normLayersOf(net)
    const share = Math.floor(COMPARED.together / Math.max(1, this.#layers.length))
    this.#compared = Math.min(COMPARED.most, Math.max(COMPARED.least, share))
    this.#modes = this.#layers.map(({ module, frozen }) =>
      frozen ? 'frozen' : module.training ? 'training' : 'evaluation',
    )
  }

  async run(): Promise<BatchNormReport> {
    const { net, samples, options } = this
    const layers = this.#layers
    const rootTraining = net.training
    const steps = layers.map((layer) => stepsOf(net, layer, options.steps))
    const mixedBatches = rearranged(samples, mixed(samples.count), Math.max(TOGETHER, samples.batchSize))
    const inGraph = fieldsInGraph(net, mixedBatches[0].x)
    this.state.restoreBuffers()

    const running = layers.map((layer) => ({
      mean: layer.mean().toFloat32Array(),
      variance: layer.variance().toFloat32Array(),
    }))
    const relus = hasReluBehind(net, layers, mixedBatches[0].x)
    const histograms = await this.#histograms(mixedBatches[0])
    const [evaluation, asIs] = await this.#evaluate()
    const training = await this.#inTraining(samples.batches)
    const sorted = samples.labels && rearranged(samples, byClass(samples.labels), samples.batchSize)
    const trainingSorted = sorted && (await this.#inTraining(sorted))
    const measured = await this.#measure(mixedBatches)

    // The data's own statistics, in all layers.
    const set = (i: number, own: boolean) => this.#setStatistics(i, own ? measured[i] : undefined, running[i])
    for (const i of layers.keys()) set(i, true)
    const largest = layers.map(() => undefined as Float32Array | undefined)
    const handles = layers.map(({ module }, i) =>
      module.registerForwardHook((_, __, y) => {
        if (y instanceof Tensor && y.shape.length > 1) largest[i] = larger(largest[i], largestOf(y))
      }),
    )
    const [recalibrated, best, classes] = await this.#evaluate()
    for (const handle of handles) handle.remove()
    // Each layer with its own statistics, and all others with the data's.
    const errors: number[] = []
    for (const i of layers.keys()) {
      set(i, false)
      errors.push(squared(best, await this.#outputs()))
      set(i, true)
      if (timeToYield()) await yieldToEvents()
    }
    this.state.restoreBuffers()
    const sum = errors.reduce((a, b) => a + b, 0)
    const outputError = Math.sqrt(squared(best, asIs) / spreadOf(best))
    const modes: ModeReport = { evaluation, training, trainingSorted, recalibrated }
    const reports = layers.map((layer, i) =>
      reportOfLayer(layer, {
        mode: this.#modes[i],
        measured: measured[i],
        running: running[i],
        errorShare: outputError > 1e-4 && sum > 0 ? errors[i] / sum : 0,
        largest: relus[i] ? largest[i] : undefined,
        ...histograms[i],
      }),
    )
    const evidence: Evidence = {
      layers: reports.map((report, i) => ({
        report,
        layer: layers[i],
        measured: measured[i],
        steps: steps[i],
        together: layers[i].together,
      })),
      rootTraining,
      modes,
      outputError,
      samples,
      inGraph,
      answer: samples.labels && mostFrequent(best, classes),
      classMeans: reports.some((report) => report.drift > CLASS_DRIFT)
        ? await this.#classMeans(samples.labels ?? [])
        : undefined,
    }
    this.state.restoreBuffers()
    return new BatchNormReport(
      reports,
      modes,
      outputError,
      adviceFor(evidence),
      samples.count,
      samples.batchSize,
    )
  }

  readonly #judge = (prediction: unknown) => lossFor(this.options.loss, this.samples.labels, prediction)

  /** In evaluation mode: the figures, and some outputs. */
  async #evaluate() {
    this.net.eval()
    const outputs: Float32Array[] = []
    let [count, columns] = [0, 0]
    const figures = await figuresOver(this.net, this.samples.batches, this.#judge, (output) => {
      if (count < this.#compared) outputs.push(output.toFloat32Array())
      count += output.shape[0] ?? 1
      columns = output.shape.length === 2 ? output.shape[1] : 0
    })
    return [figures ?? { loss: undefined, accuracy: undefined }, outputs, columns] as const
  }

  async #outputs(): Promise<Float32Array[]> {
    const outputs: Float32Array[] = []
    let count = 0
    for (const { x } of this.samples.batches) {
      if (count >= this.#compared) break
      const output: unknown = noGrad(() => this.net.forward(x))
      if (output instanceof Tensor) outputs.push(output.toFloat32Array())
      count += x.shape[0]
      if (timeToYield()) await yieldToEvents()
    }
    return outputs
  }

  async #inTraining(batches: readonly Batch[]) {
    this.net.train()
    const figures = await figuresOver(this.net, batches, this.#judge)
    this.state.restoreBuffers()
    return figures
  }

  /** What the layers are given in training mode, in mixed batches, and how they move their statistics. */
  async #measure(batches: readonly Batch[]): Promise<(Measured | undefined)[]> {
    this.net.train()
    const measuring = new Measuring(this.#layers)
    try {
      for (const [i, { x }] of batches.entries()) {
        // A last small one would be normalised by too few.
        if (i > 0 && x.shape[0] < batches[0].x.shape[0] / 2) continue
        noGrad(() => this.net.forward(x))
        if (timeToYield()) await yieldToEvents()
      }
      return this.#layers.map((layer) => measuring.of(layer))
    } finally {
      measuring.end()
      this.state.restoreBuffers()
    }
  }

  #setStatistics(
    i: number,
    own: Measured | undefined,
    running: { mean: ArrayLike<number>; variance: ArrayLike<number> },
  ): void {
    const layer = this.#layers[i]
    const n = own?.all.n ?? 2
    const [mean, variance] = [layer.mean(), layer.variance()]
    mean.copy_(fromValues(own?.all.mean ?? running.mean, mean.shape))
    const values = own ? own.all.variance.map((v) => (v * n) / (n - 1)) : running.variance
    variance.copy_(fromValues(values, variance.shape))
  }

  /** Of what goes into each layer and comes out, in evaluation mode. */
  async #histograms({ x }: Batch) {
    this.net.eval()
    const found = this.#layers.map(() => ({}) as { before?: Histogram; after?: Histogram })
    const handles = this.#layers.map(({ module }, i) =>
      module.registerForwardHook((_, inputs, y) => {
        const [given] = inputs as readonly unknown[]
        if (given instanceof Tensor) found[i].before = histogramOf(given)
        if (y instanceof Tensor) found[i].after = histogramOf(y)
      }),
    )
    noGrad(() => this.net.forward(x))
    for (const handle of handles) handle.remove()
    return found
  }

  /** The means of the first layer's inputs, for each class by itself: [class][layer][channel]. */
  async #classMeans(labels: readonly number[]): Promise<Float64Array[][]> {
    this.net.eval()
    const classes = [...new Set(labels)].sort((a, b) => a - b)
    const all: Float64Array[][] = []
    if (classes.length > 100 || classes.length < 2) return []
    for (const one of classes) {
      const own = [...labels.keys()].filter((i) => labels[i] === one).slice(0, 64)
      const [{ x }] = rearranged(this.samples, own, own.length)
      const measuring = new Measuring(this.#layers)
      try {
        noGrad(() => this.net.forward(x))
        all.push(this.#layers.map((layer) => measuring.of(layer)?.all.mean ?? new Float64Array()))
      } finally {
        measuring.end()
      }
      if (timeToYield()) await yieldToEvents()
    }
    return all
  }
}

type NormReportMode = 'training' | 'evaluation' | 'frozen'
