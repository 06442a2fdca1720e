/**
 * Federated averaging (McMahan et al., 2017, https://arxiv.org/abs/1602.05629, section 2): one state of several clients'.
 * With shares p = weight / Σ weights, a parameter is
 *
 *   w = Σ p · wᵢ
 *
 * and batch norm's buffers are those of all that the clients have seen, put together:
 *
 *   mean = Σ p · meanᵢ,  var = Σ p · (varᵢ + (meanᵢ − mean)²)
 *
 * Sums are in float64, over the clients in an order that their weights and values give: so it does not matter in which
 * order they are handed in, to the bit.
 */
import { kindOf } from '../check.js'
import { ArgumentError, StateDictError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import { sameShape } from '../tensor/shape.js'
import { checkState, type StateDict } from './state-dict.js'

const MEAN = 'running_mean'
const VARIANCE = 'running_var'
const COUNT = 'num_batches_tracked'

/** A client: how much it counts, and its values by name. */
interface Client {
  readonly weight: number
  readonly values: ReadonlyMap<string, Float32Array>
  readonly metadata: string | undefined
}

/**
 * One state dict of several: the mean of the parameters, weighted, and batch norm's statistics of all together. What it
 * gives does not depend on the order of the states, to the bit.
 *
 * `running_mean` and `running_var` are taken as mean and variance of what each client has seen: the variance has the
 * spread of the means in it, which a mean of variances forgets. They are exact for the data, but each client's were
 * taken through weights of its own: where some data is at hand, `recalibrate(net, data)` afterwards takes them anew
 * through the averaged ones. `num_batches_tracked` is the largest, for a sum would count once for each client what all
 * had begun with. Buffers of other names are averaged as parameters are.
 *
 * ```ts
 * net.loadStateDict(averageStates(states, rows)) // rows: how many samples each was trained on
 * ```
 *
 * @param states the clients' state dicts, of the same names and shapes
 * @param weights how much each counts: numbers of at least 0, not all of them 0. Default: all the same
 * @returns a new state dict, with the names in the order of the first
 * @throws {ArgumentError} for states that are none, or weights that are no such numbers, or not as many
 * @throws {StateDictError} for states of different names or shapes, or of which only some have a layer frozen
 */
export function averageStates(states: readonly StateDict[], weights?: readonly number[]): StateDict {
  const name = 'averageStates'
  checkArguments(name, states, weights)
  const [first] = states
  const clients: Client[] = states
    .map((state, i) => ({
      weight: weights?.[i] ?? 1,
      values: new Map(Object.entries(state).map(([key, x]) => [key, x.toFloat32Array()])),
      metadata: metadataOf(state),
    }))
    // What does not count has no say, not even a NaN's.
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => compare(a, b, Object.keys(first).sort()))
  const total = clients.reduce((sum, { weight }) => sum + weight, 0)
  const means = new Map<string, Float64Array>()
  const meanOf = (key: string): Float64Array => {
    const known = means.get(key)
    if (known) return known
    const mean = new Float64Array(first[key].size)
    for (const { weight, values } of clients) {
      const from = valuesOf(values, key)
      for (let i = 0; i < mean.length; i++) mean[i] += (weight / total) * from[i]
    }
    means.set(key, mean)
    return mean
  }
  const averaged = Object.keys(first).map((key) => {
    const { shape } = first[key]
    const [last, beside] = [lastOf(key), besideOf(key, MEAN)]
    if (last === COUNT) {
      return [key, fromValues([Math.max(...clients.map(({ values }) => valuesOf(values, key)[0]))], shape)]
    }
    const sums = meanOf(key)
    if (last !== VARIANCE || !(beside in first) || !sameShape(first[beside].shape, shape)) {
      return [key, fromValues(sums, shape)]
    }
    // The means' mean in full precision: rounded, its error would be squared into the spread.
    const mean = meanOf(beside)
    const variance = Float64Array.from(sums)
    for (const { weight, values } of clients) {
      const own = valuesOf(values, beside)
      for (let i = 0; i < variance.length; i++) variance[i] += (weight / total) * (own[i] - mean[i]) ** 2
    }
    return [key, fromValues(variance, shape)]
  })
  const result = Object.fromEntries(averaged) as StateDict
  const described = Object.getOwnPropertyDescriptor(first, '_metadata')
  return described ? Object.defineProperty(result, '_metadata', described) : result
}

/** An order of clients by what they are: those that are the same in it are the same. */
function compare(a: Client, b: Client, keys: readonly string[]): number {
  if (a.weight !== b.weight) return a.weight - b.weight
  for (const key of keys) {
    const [x, y] = [valuesOf(a.values, key), valuesOf(b.values, key)]
    // By their bits: 0 and −0, or two NaN, are not the same.
    const [m, n] = [bitsOf(x), bitsOf(y)]
    for (let i = 0; i < m.length; i++) if (m[i] !== n[i]) return m[i] < n[i] ? -1 : 1
  }
  return 0
}

const bitsOf = ({ buffer, byteOffset, length }: Float32Array) => new Uint32Array(buffer, byteOffset, length)

function valuesOf(values: ReadonlyMap<string, Float32Array>, key: string): Float32Array {
  return values.get(key) ?? new Float32Array()
}

const lastOf = (key: string) => key.slice(key.lastIndexOf('.') + 1)

/** The name of another tensor of the same module. */
const besideOf = (key: string, name: string) => `${key.slice(0, key.lastIndexOf('.') + 1)}${name}`

/** Which layers are frozen, as text. */
function metadataOf(state: StateDict): string | undefined {
  const metadata: unknown = Object.getOwnPropertyDescriptor(state, '_metadata')?.value
  return metadata === undefined ? undefined : JSON.stringify(metadata)
}

/** @throws {ArgumentError} @throws {StateDictError} */
function checkArguments(name: string, states: readonly StateDict[], weights: unknown): void {
  if (!Array.isArray(states) || states.length === 0) {
    const hint = Array.isArray(states) ? 'an empty array' : kindOf(states)
    throw new ArgumentError(`${name}: expected state dicts in an array, such as net.stateDict(), got ${hint}`)
  }
  for (const state of states) checkState(name, state)
  if (weights !== undefined) {
    const numbers: readonly unknown[] = Array.isArray(weights) ? weights : []
    if (!Array.isArray(weights) || numbers.length !== states.length) {
      const got = Array.isArray(weights) ? `${numbers.length} of them` : kindOf(weights)
      throw new ArgumentError(`${name}: weights are a number for each of ${states.length} states, got ${got}`)
    }
    const unfit = numbers.find((one) => typeof one !== 'number' || !Number.isFinite(one) || one < 0)
    const total = (weights as number[]).reduce((sum, one) => sum + one, 0)
    if (unfit !== undefined || total === 0 || total === Number.POSITIVE_INFINITY) {
      const got = unfit === undefined ? (total === 0 ? 'only 0' : 'a sum without end') : kindOf(unfit)
      throw new ArgumentError(
        `${name}: weights are numbers of at least 0, such as samples, and not all 0; got ${got}`,
      )
    }
  }
  const [first, ...others] = states as StateDict[]
  for (const [i, state] of others.entries()) {
    const [lacks] = Object.keys(first).filter((key) => !Object.hasOwn(state, key))
    const [has] = Object.keys(state).filter((key) => !Object.hasOwn(first, key))
    if (lacks ?? has) {
      throw new StateDictError(
        `${name}: the states are of different nets: state ${i + 1} ${lacks ? `has no '${lacks}'` : `has '${has}'`}, ${lacks ? 'which state 0 has' : 'which state 0 has not'}`,
      )
    }
    for (const [key, { shape }] of Object.entries(first)) {
      if (sameShape(shape, state[key].shape)) continue
      throw new StateDictError(
        `${name}: '${key}' has shape [${shape}] in state 0, and [${state[key].shape}] in state ${i + 1}`,
      )
    }
    if (metadataOf(first) === metadataOf(state)) continue
    throw new StateDictError(
      `${name}: state ${i + 1} has other layers frozen than state 0; freeze the same ones in all clients`,
    )
  }
}
