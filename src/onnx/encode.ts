/** A net as an ONNX model. */
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, AutogradError } from '../errors.js'
import { foldBatchNorm } from '../nn/fold.js'
import { type AnyModule, Module } from '../nn/module.js'
import { fromValues, zeros } from '../tensor/create.js'
import { checkShape, type Shape, sizeOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { OPERATORS } from './operators.js'
import { type Dimension, loadCodec, type Partly, TYPES, type ValueInfoProto } from './proto.js'
import { type AnyNet, type AnyStep, type AnyValue, anyBatch, Linear, type Size, type Sizes } from './sizes.js'
import { type Traced, traceNet } from './trace.js'
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

const OPTIONS = ['dynamicBatch', 'inputNames', 'outputNames', 'opset', 'foldBatchNorm', 'metadata']
const LEAST_OPSET = 17
const MOST_OPSET = 22
/** Versions of the file's form that have these operators. */
const IR_VERSIONS: Readonly<Record<number, bigint>> = { 17: 8n, 18: 8n, 19: 9n, 20: 9n, 21: 10n, 22: 10n }

/** Which input of an operation is an index. */
const INDICES: Readonly<Record<string, number>> = { embedding: 0, indexSelect: 1, gather: 1, scatterAdd: 1 }

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
 *   sizes that do not grow evenly with the batch
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
  const { opset = LEAST_OPSET, dynamicBatch = true } = options
  checkNumber(name, 'opset', opset, { least: LEAST_OPSET, most: MOST_OPSET, whole: true })
  checkBoolean(name, 'foldBatchNorm', options.foldBatchNorm ?? false)
  const examples = examplesOf(name, inputs)
  const dims = batchDims(name, dynamicBatch, examples)
  const texts = textsOf(name, options.metadata ?? {})
  const traced = options.foldBatchNorm ? foldBatchNorm(net, { inputs: examples }).net : net
  const any = traceAny(traced, examples, dims)
  const inputNames = namesOf(name, 'inputNames', options.inputNames, 'input', any.inputs.length)
  const outputNames = namesOf(name, 'outputNames', options.outputNames, 'output', any.outputs.length)
  const batched = dims.findIndex((dim) => dim !== null)
  const batch = batched < 0 ? undefined : { name: inputNames[batched], dim: dims[batched] ?? 0 }
  const writer = new Writer(opset, batch, inputNames)
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
    valueInfo(called, writer.indices.has(called) ? TYPES.int64 : TYPES.float, shape)
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

/** The dimension of each input that is the batch; null for those that have none. @throws {ArgumentError} */
function batchDims(name: string, dynamic: unknown, inputs: readonly Tensor[]): (number | null)[] {
  if (dynamic === false) return inputs.map(() => null)
  const dims = dynamic === true ? inputs.map(({ shape }) => (shape.length > 0 ? 0 : null)) : dynamic
  const fits =
    Array.isArray(dims) &&
    dims.length === inputs.length &&
    dims.every(
      (dim, i) => dim === null || (Number.isInteger(dim) && dim >= 0 && dim < inputs[i].shape.length),
    )
  if (!fits) {
    throw new ArgumentError(
      `${name}: dynamicBatch is true, false, or for each of the ${inputs.length} inputs the dimension that is the batch, or null, got ${Array.isArray(dims) ? JSON.stringify(dims) : kindOf(dims)}`,
    )
  }
  const sizes = new Set(dims.flatMap((dim, i) => (dim === null ? [] : [inputs[i].shape[dim]])))
  if (sizes.size > 1 || sizes.has(0)) {
    throw new ArgumentError(
      `${name}: the inputs have batches of ${[...sizes].join(' and ')}; expected one of at least 1 for all (dynamicBatch says which dimension it is: [0, null] for an input without)`,
    )
  }
  return dims
}

/** The net's operations for any batch, from runs with some. */
function traceAny(net: AnyModule, inputs: readonly Tensor[], dims: readonly (number | null)[]): AnyNet {
  const batched = dims.findIndex((dim) => dim !== null)
  if (batched < 0) return anyBatch([traceNet(net, inputs)], [1])
  const first = inputs[batched].shape[dims[batched] ?? 0]
  // None is 1, which broadcasts.
  const batches = [first + 1, first + 2, first + 4]
  const traces: Traced[] = batches.map((batch) =>
    traceNet(
      net,
      inputs.map((x, i) => resized(x, dims[i], batch)),
    ),
  )
  return anyBatch(traces, batches)
}

/** `x` with `batch` samples: its own, again and again. */
function resized(x: Tensor, dim: number | null, batch: number): Tensor {
  if (dim === null) return x
  const values = x.toFloat32Array()
  const size = x.shape[dim]
  const inner = sizeOf(x.shape.slice(dim + 1))
  const shape = x.shape.map((n, d) => (d === dim ? batch : n))
  const result = new Float32Array(sizeOf(shape))
  for (let i = 0; i < result.length; i++) {
    const [outer, at, rest] = [Math.floor(i / (batch * inner)), Math.floor(i / inner) % batch, i % inner]
    result[i] = values[(outer * size + (at % size)) * inner + rest]
  }
  return fromValues(result, shape)
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
      `the operation '${name}' (of [${step.shape.map(sizeText)}]) has no form in ONNX here; docs/onnx.md lists those that have one`,
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
        `'${name}' has a size that grows with the batch where its form in ONNX has a fixed one; export the net for one batch: { dynamicBatch: false }`,
      )
    },
  })
}

const sizeText = (size: Size): string => {
  if (typeof size === 'number') return `${size}`
  const times = size.slope === 1 ? 'batch' : `${size.slope} * batch`
  return size.offset === 0 ? times : `${times} + ${size.offset}`
}

function valueInfo(name: string, elemType: number, shape: Sizes): Partly<ValueInfoProto> {
  const dim = shape.map(
    (size): Dimension => ({
      value:
        size instanceof Linear
          ? { case: 'dimParam', value: sizeText(size) }
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
