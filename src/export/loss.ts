/** What a net loses by weights of eight bits, measured on data. */
import { noGrad } from '../autograd/tape.js'
import { isPlainObject, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { callForward } from '../nn/layer.js'
import type { AnyModule } from '../nn/module.js'
import { fromValues } from '../tensor/create.js'
import { keepingStream } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
import { Tensor } from '../tensor/tensor.js'
import type { Compiled } from './compile.js'
import type { Int8 } from './program.js'

/** What weights of eight bits have changed, on the data that was given. */
export interface Int8Loss {
  /** Rows that were looked at. */
  rows: number
  /** The largest difference of a result, as a share of the largest value. */
  difference: number
  /** The share of rows whose largest result is in the same place. */
  agreement: number
  /** The share of rows whose largest result is in the place of their class, before; undefined without classes. */
  accuracy: number | undefined
  /** And with weights of eight bits. */
  int8Accuracy: number | undefined
}

/** Inputs, or [inputs, classes] as a DataLoader gives them. */
export type MeasuredBatches = Iterable<Tensor | readonly Tensor[]>

/** Compares `net` with itself after its weights were rounded, which they stay. @throws {ArgumentError} for other data */
export function measureLoss(by: string, net: AnyModule, compiled: Compiled, data: MeasuredBatches): Int8Loss {
  const batches = [...batchesOf(by, data)]
  const run = (inputs: readonly Tensor[]) => {
    const outputs: Tensor[] = []
    const result = keepingStream(() =>
      noGrad(() => callForward(net as AnyModule<readonly unknown[]>, ...inputs)),
    )
    eachTensor(result, (x) => outputs.push(x))
    return outputs[0]
  }
  const before = batches.map(({ inputs }) => run(inputs).toFloat32Array())
  roundWeights(net, compiled)
  let [rows, largest, furthest, same, right, int8Right, judged] = [0, 0, 0, 0, 0, 0, 0]
  for (const [b, { inputs, classes }] of batches.entries()) {
    const after = run(inputs)
    const [n] = after.shape
    const [old, now] = [before[b], after.toFloat32Array()]
    const size = now.length / n
    for (const [i, value] of now.entries()) {
      largest = Math.max(largest, Math.abs(old[i]))
      furthest = Math.max(furthest, Math.abs(old[i] - value))
    }
    const expected = classes && classes.size === n && size > 1 ? classes.toFloat32Array() : undefined
    for (let r = 0; r < n; r++) {
      const [a, c] = [old, now].map((all) => placeOfLargest(all.subarray(r * size, (r + 1) * size)))
      if (a === c) same++
      if (!expected) continue
      judged++
      if (a === expected[r]) right++
      if (c === expected[r]) int8Right++
    }
    rows += n
  }
  const whole = judged > 0
  return {
    rows,
    difference: largest > 0 ? furthest / largest : 0,
    agreement: same / rows,
    accuracy: whole ? right / judged : undefined,
    int8Accuracy: whole ? int8Right / judged : undefined,
  }
}

function placeOfLargest(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

/** Puts what the file's whole numbers stand for into the net's parameters. */
function roundWeights(net: AnyModule, { constants }: Compiled): void {
  for (const parameter of net.parameters()) {
    const int8 = constants.get(parameter.storage)?.int8
    if (int8) parameter.copy_(fromValues(valuesOf(int8), parameter.shape))
  }
}

function valuesOf({ values, scales, channels }: Int8): Float32Array {
  return Float32Array.from(values, (q, i) => q * scales.values[channels.of(i)])
}

function* batchesOf(by: string, data: MeasuredBatches) {
  if (typeof data !== 'object' || data === null || !(Symbol.iterator in data) || isPlainObject(data)) {
    throw new ArgumentError(`${by}: data are batches, such as a data.DataLoader, got ${kindOf(data)}`)
  }
  let any = false
  for (const batch of data) {
    const [x, classes] = Array.isArray(batch) ? (batch as readonly Tensor[]) : [batch as Tensor]
    const inputs: readonly Tensor[] = Array.isArray(x) ? x : [x]
    if (!inputs.every((one) => one instanceof Tensor)) {
      throw new ArgumentError(`${by}: a batch of data is a tensor, or [x, classes], got ${kindOf(x)}`)
    }
    any = true
    yield { inputs, classes }
  }
  if (!any) throw new ArgumentError(`${by}: the data has no batch`)
}
