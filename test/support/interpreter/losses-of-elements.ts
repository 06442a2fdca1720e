/** Twins of the losses of an input and a target of one shape. */
import { mean, sum } from './reduce.js'
import { asValue, expand, kink, need, type Value, zip } from './value.js'

type Reduction = 'mean' | 'sum' | 'none' | 'batchmean'

interface Options {
  reduction?: Reduction
  weight?: Value
}

function reduced(losses: Value, reduction: Reduction = 'mean'): Value {
  if (reduction === 'none') return losses
  if (reduction === 'mean') return mean(losses)
  return reduction === 'sum' ? sum(losses) : zip(sum(losses), losses.shape[0], (a, n) => a / n)
}

const same = ({ shape: a }: Value, { shape: b }: Value) =>
  a.length === b.length && a.every((s, d) => s === b[d])

/** A loss by the formula of each element, which gets the options too. */
const loss =
  <O extends Options>(f: (x: number, t: number, options: O) => number) =>
  (input: Value, target: Value, options: O = {} as O): Value => {
    const [a, b] = [input.shape.length, target.shape.length]
    need(same(input, target) || a === 0 || b === 0, 'one shape')
    const each = zip(input, target, (x, t) => f(x, t, options))
    const { weight, reduction } = options
    return reduced(weight ? zip(each, weight, (l, w) => l * w) : each, reduction)
  }

export const mseLoss = loss((x, t) => (x - t) ** 2)

export const l1Loss = loss((x, t) => {
  kink(x - t)
  return Math.abs(x - t)
})

// Where the line begins the gradient goes on: it is no kink.
export const smoothL1Loss = loss<Options & { beta?: number }>((x, t, { beta = 1 }) => {
  const d = Math.abs(x - t)
  if (beta === 0) kink(d)
  return d < beta ? d ** 2 / (2 * beta) : d - beta / 2
})

export const huberLoss = loss<Options & { delta?: number }>((x, t, { delta = 1 }) => {
  const d = Math.abs(x - t)
  return d <= delta ? d ** 2 / 2 : delta * (d - delta / 2)
})

/** Beyond the edges only by a finite difference, which is told of the kink. */
export const binaryCrossEntropy = loss((x, t) => {
  need(
    [x, t].every((p) => p > -1e-4 && p < 1 + 1e-4),
    'probabilities',
  )
  // At 0 and 1 the target's gradient is infinite, in PyTorch too, however exactly it is met.
  kink(x || Number.MIN_VALUE)
  kink(1 - x || Number.MIN_VALUE)
  const log = (p: number) => Math.max(p <= 0 ? Number.NEGATIVE_INFINITY : Math.log(p), -100)
  return -(t * log(x) + (1 - t) * (x >= 1 ? -100 : Math.log1p(-x)))
})

/** `posWeight` is repeated to the target's shape first. */
export function binaryCrossEntropyWithLogits(
  input: Value,
  target: Value,
  { posWeight, ...options }: Options & { posWeight?: Value } = {},
): Value {
  const shape = input.shape.length > 0 ? input.shape : target.shape
  const factors = expand(posWeight ?? asValue(1), shape)
  let at = 0
  const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
  return loss((x, t) => (1 - t) * softplus(x) + factors.data[at++] * t * softplus(-x))(input, target, options)
}

export const klDiv = loss<Options & { logTarget?: boolean }>((x, t, { logTarget = false }) => {
  if (logTarget) {
    // Beyond float32's edge it is ∞ · 0, in PyTorch too.
    need(t < 80, 'a large exponential')
    return Math.exp(t) * (t - x)
  }
  return (t === 0 ? 0 : t * Math.log(t)) - t * x
})
