/** A net as an ONNX model. */
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, AutogradError } from '../errors.js'
import { foldBatchNorm } from '../nn/fold.js'
import { type AnyModule, Module } from '../nn/module.js'
import { zeros } from '../tensor/create.js'
import { checkShape, type Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { axesOf, traceAny } from './axes.js'
import { Formula } from './formula.js'
import { OPERATORS } from './operators.js'
import { type Dimension, loadCodec, type Partly, TYPES, type ValueInfoProto } from './proto.js'
import type { AnyNet, AnyStep, AnyValue } from './sizes.js'
import { Writer } from './writer.js'

/** What a net's forward takes, as an example: a shape, batch included, or a tensor, or an array of them, one for each argument. */
export type ExampleInputs = Shape | Tensor | readonly (Shape | Tensor)[]

/** Options of `encodeOnnx` and `saveOnnx`. */
export interface OnnxOptions {
  /**
   * Whether the model takes any batch. By default the first dimension of each input is the batch; a list says another, or
   * null for an input that has none: `[1]` for sequences [T, N, features]. With false all sizes are the example's.
   */
  dynamicBatch?: boolean | readonly (number | null)[]
  /**
   * Instead of `dynamicBatch`, as PyTorch has it: which dimensions of each input have any size, and what that size is called;
   * what is called the same is the same size. `{ input: { 0: 'batch', 2: 'height', 3: 'width' } }` for images of any size,
   * `{ input: { 0: 'batch', 1: 'length' } }` for sequences of any length. Sizes of outputs follow; they may be given and are
   * named so. A graph that can't have a size open is refused, with the operation and the reason.
   */
  dynamicAxes?: Readonly<Record<string, Readonly<Record<number, string>>>>
  /** Names of the inputs. Default `input`, of several `input_0` …. */
  inputNames?: readonly string[]
  /** Names of the outputs. Default `output`, of several `output_0` …. */
  outputNames?: readonly string[]
  /** Version of ONNX's operators, from 17 to 22. Default 17, which the most runtimes read. */
  opset?: number
  /** Whether batch norm is folded into the layers beside it first, as `foldBatchNorm` does. Default false. */
  foldBatchNorm?: boolean
  /** What the file carries along, by name: texts as they are, everything else as JSON. Default none. */
  metadata?: Readonly<Record<string, unknown>>
}

const OPTIONS = [
  'dynamicBatch',
  'dynamicAxes',
  'inputNames',
  'outputNames',
  'opset',
  'foldBatchNorm',
  'metadata',
]
const LEAST_OPSET = 17
const MOST_OPSET = 22
/** Versions of the file's form that have these operators. */
const IR_VERSIONS: Readonly<Record<number, bigint>> = { 17: 8n, 18: 8n, 19: 9n, 20: 9n, 21: 10n, 22: 10n }

/** Which input of an operation is an index. */
const INDICES: Readonly<Record<string, number>> = {
  embedding: 0,
  indexSelect: 1,
  gather: 1,
  scatterAdd: 1,
  oneHot: 0,
}

/**
 * A net as the bytes of an ONNX model, which onnxruntime and others run: what its forward does in evaluation, seen by running
 * it, so that a `forward()` of your own may do as it likes with tensors. Weights keep the state dict's names. Inputs that are
 * only used as indices (of an Embedding) are int64, all else is float32.
 * https://onnx.ai
 *
 * @param net stays as it is
 * @param inputs what its forward takes, as an example
 * @param options which batches, names, version
 * @throws {ArgumentError} for options or inputs that are none
 * @throws {AutogradError} naming an operation that has no form in ONNX, values that the forward reads or changes in place, or
 *   a size that the graph can't leave open
 * @throws {SimdgradError} where the package `@bufbuild/protobuf` is not installed
 */
export async function encodeOnnx(
  net: AnyModule,
  inputs: ExampleInputs,
  options: OnnxOptions = {},
): Promise<Uint8Array> {
  return encodeOnnxFor('encodeOnnx', net, inputs, options)
}

/** As `encodeOnnx`, for a function of that name, which errors give. */
export async function encodeOnnxFor(
  name: string,
  net: AnyModule,
  inputs: ExampleInputs,
  options: OnnxOptions,
): Promise<Uint8Array> {
  if (!(net instanceof Module)) throw new ArgumentError(`${name}: expected a net, got ${kindOf(net)}`)
  checkOptions(name, options, OPTIONS)
  const { opset = LEAST_OPSET } = options
  checkNumber(name, 'opset', opset, { least: LEAST_OPSET, most: MOST_OPSET, whole: true })
  checkBoolean(name, 'foldBatchNorm', options.foldBatchNorm ?? false)
  const examples = examplesOf(name, inputs)
  const inputNames = namesOf(name, 'inputNames', options.inputNames, 'input', examples.length)
  const axes = axesOf(name, options, examples, inputNames)
  const texts = textsOf(name, options.metadata ?? {})
  const traced = options.foldBatchNorm ? foldBatchNorm(net, { inputs: examples }).net : net
  const { net: any, coarse } = traceAny(traced, examples, axes)
  const outputNames = namesOf(name, 'outputNames', options.outputNames, 'output', any.outputs.length)
  const strange = Object.keys(options.dynamicAxes ?? {}).find(
    (called) => !inputNames.includes(called) && !outputNames.includes(called),
  )
  if (strange !== undefined) {
    throw new ArgumentError(
      `${name}: dynamicAxes names ${JSON.stringify(strange)}, which is no input (${inputNames}) or output (${outputNames})`,
    )
  }
  const open = axes.map(({ name: called, places }, i) => {
    const [{ input, dim }] = places
    return { name: called, input: inputNames[input], dim, coarse: coarse[i] }
  })
  const writer = new Writer(opset, open, inputNames)
  for (const index of indexInputs(any)) writer.indices.add(inputNames[index])
  writeSteps(writer, any)
  for (const [i, output] of any.outputs.entries()) {
    writer.nodes.push({
      opType: 'Identity',
      name: `Identity_of_${outputNames[i]}`,
      input: [writer.nameOf(output)],
      output: [outputNames[i]],
    })
  }
  const info = (called: string, { shape }: AnyValue) =>
    valueInfo(
      called,
      writer.indices.has(called) ? TYPES.int64 : TYPES.float,
      shape.map((size, d) =>
        size instanceof Formula ? (options.dynamicAxes?.[called]?.[d] ?? writer.textOf(size)) : size,
      ),
    )
  const { encode } = await loadCodec()
  return encode({
    irVersion: IR_VERSIONS[opset],
    opsetImport: [{ domain: '', version: BigInt(opset) }],
    producerName: 'simdgrad',
    graph: {
      name: net.constructor.name || 'net',
      node: writer.nodes,
      initializer: writer.usedInitializers(),
      input: any.inputs.map((value, i) => info(inputNames[i], value)),
      output: any.outputs.map((value, i) => info(outputNames[i], value)),
    },
    metadataProps: texts,
  })
}

/** @throws {ArgumentError} */
function examplesOf(name: string, inputs: ExampleInputs): Tensor[] {
  const list: readonly unknown[] =
    inputs instanceof Tensor || (Array.isArray(inputs) && inputs.every((one) => typeof one === 'number'))
      ? [inputs]
      : Array.isArray(inputs)
        ? inputs
        : []
  if (list.length === 0) {
    throw new ArgumentError(
      `${name}: what the forward takes is given as an example: a shape, batch included, a tensor, or an array of them, got ${kindOf(inputs)}`,
    )
  }
  return list.map((one) => {
    if (one instanceof Tensor) return one
    if (!Array.isArray(one))
      throw new ArgumentError(`${name}: an example input is a shape or a tensor, got ${kindOf(one)}`)
    checkShape(name, one)
    // Zeros are good as indices, too.
    return zeros(one)
  })
}

/** Whether the outputs need each operation. */
function neededSteps({ steps, outputs }: AnyNet): boolean[] {
  const needed = new Array<boolean>(steps.length).fill(false)
  const need = (value: AnyValue | undefined) => {
    if (value?.source.kind === 'step') needed[value.source.index] = true
  }
  outputs.forEach(need)
  for (let i = steps.length - 1; i >= 0; i--) if (needed[i]) steps[i].inputs.forEach(need)
  return needed
}

/** The inputs of the net that are indices, and nothing else. */
function indexInputs(net: AnyNet): number[] {
  const uses = net.inputs.map(() => [0, 0])
  const needed = neededSteps(net)
  for (const [i, { name, inputs }] of net.steps.entries()) {
    if (!needed[i]) continue
    for (const [place, value] of inputs.entries()) {
      if (value?.source.kind === 'input') uses[value.source.index][INDICES[name] === place ? 0 : 1]++
    }
  }
  for (const { source } of net.outputs) if (source.kind === 'input') uses[source.index][1]++
  return uses.flatMap(([asIndex, otherwise], i) => (asIndex > 0 && otherwise === 0 ? [i] : []))
}

function writeSteps(w: Writer, net: AnyNet): void {
  const needed = neededSteps(net)
  for (const [index, step] of net.steps.entries()) if (needed[index]) w.wrote(index, writeStep(w, step))
}

function writeStep(w: Writer, step: AnyStep): string {
  const { name, inputs, attributes } = step
  const write = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined
  if (!write) {
    throw new AutogradError(
      `the operation '${name}' (of [${step.shape.map((size) => w.textOf(size))}]) has no form in ONNX here; docs/onnx.md lists those that have one`,
    )
  }
  const value = (i: number): AnyValue => {
    const input = inputs[i]
    if (!input) throw new Error(`'${name}' has no input ${i}`)
    return input
  }
  return write({
    w,
    step,
    attributes: attributes as never,
    in: (i) => w.nameOf(value(i)),
    value,
    sizes: (i) => value(i).shape,
    fixed(size) {
      if (typeof size === 'number') return size
      throw new AutogradError(
        `'${name}' has the size ${size === undefined ? 'that is missing' : w.textOf(size)} where its form in ONNX has a fixed one. Let it be fixed: { dynamicBatch: false }, or fewer dynamicAxes`,
      )
    },
  })
}

/** Dimensions that are texts have any size. */
function valueInfo(
  name: string,
  elemType: number,
  shape: readonly (number | string)[],
): Partly<ValueInfoProto> {
  const dim = shape.map(
    (size): Dimension => ({
      value:
        typeof size === 'string'
          ? { case: 'dimParam', value: size }
          : { case: 'dimValue', value: BigInt(size) },
    }),
  )
  return { name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } } }
}

/** @throws {ArgumentError} */
function namesOf(
  name: string,
  option: string,
  given: unknown,
  usual: string,
  count: number,
): readonly string[] {
  if (given === undefined)
    return count === 1 ? [usual] : Array.from({ length: count }, (_, i) => `${usual}_${i}`)
  const fits =
    Array.isArray(given) &&
    given.length === count &&
    given.every((one) => typeof one === 'string' && one !== '') &&
    new Set(given).size === count
  if (fits) return given
  throw new ArgumentError(
    `${name}: ${option} are ${count} texts, each another, got ${Array.isArray(given) ? JSON.stringify(given) : kindOf(given)}`,
  )
}

/** @throws {ArgumentError} */
function textsOf(name: string, metadata: unknown): { key: string; value: string }[] {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw new ArgumentError(
      `${name}: metadata is given by name, as { classes: [...] }, got ${kindOf(metadata)}`,
    )
  return Object.entries(metadata).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (text === undefined)
      throw new ArgumentError(`${name}: the metadata's '${key}' is ${kindOf(value)}, which JSON can't hold`)
    return { key, value: text }
  })
}
