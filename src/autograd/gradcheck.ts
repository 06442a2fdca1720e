/** Checks gradients against finite differences. */
import { checkBoolean, checkNumber, checkOptions, kindOf } from '../check.js'
import { ArgumentError, AutogradError } from '../errors.js'
import { randn } from '../tensor/random.js'
import { Tensor } from '../tensor/tensor.js'
import { grad } from './grad.js'
import { noGrad } from './tape.js'

/** Options of `gradcheck`. */
export interface GradcheckOptions {
  /** How far the function is evaluated on either side, and twice as far. Default 0.01. */
  eps?: number
  /** How far a gradient may be off, besides `rtol`. Default 1e-3. */
  atol?: number
  /** How far a gradient may be off as a share of it. Default 1e-2. */
  rtol?: number
  /** Whether a gradient that is off is an error, and not a false. Default true. */
  raiseException?: boolean
}

type Checked = (...inputs: Tensor[]) => Tensor | readonly Tensor[]

/** What `fn` gives. @throws {ArgumentError} for what are no tensors */
function outputsOf(fn: Checked, inputs: readonly Tensor[]): readonly Tensor[] {
  const given: unknown = fn(...inputs)
  const outputs: readonly unknown[] = Array.isArray(given) ? given : [given]
  for (const x of outputs) {
    if (x instanceof Tensor) continue
    throw new ArgumentError(`gradcheck: the function gives a tensor or an array of tensors, got ${kindOf(x)}`)
  }
  return outputs as readonly Tensor[]
}

/**
 * Whether the gradients of a function are those that finite differences give, of the product of its results with a
 * random cotangent: at `at`, (8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h, h being `eps`. In float32 this sees errors of
 * a hundredth, for values and functions of a size of about 1 that have no kink within 2h. What `fn` uses besides its
 * arguments, such as the parameters of a net, may be among `inputs` too.
 * https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.html
 *
 * @param fn of `inputs`; gives a tensor or several, the same each time
 * @param inputs a tensor or several; those that require a gradient are checked, and are changed meanwhile
 * @returns true; false where a gradient is off and `raiseException` is false
 * @throws {AutogradError} at the first gradient that is off, saying which and by how much
 * @throws {ArgumentError} where nothing requires a gradient, or `fn` gives something else the second time
 */
export function gradcheck(
  fn: Checked,
  inputs: Tensor | readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  const all = Array.isArray(inputs) ? [...(inputs as readonly Tensor[])] : [inputs as Tensor]
  checkOptions('gradcheck', options, ['eps', 'atol', 'rtol', 'raiseException'])
  const { eps = 0.01, atol = 1e-3, rtol = 1e-2, raiseException = true } = options
  checkNumber('gradcheck', 'eps', eps, { least: 1e-6, most: 1 })
  checkNumber('gradcheck', 'atol', atol, { least: 0 })
  checkNumber('gradcheck', 'rtol', rtol, { least: 0 })
  checkBoolean('gradcheck', 'raiseException', raiseException)
  checkInputs(fn, all)
  const checked = all.filter(({ requiresGrad }) => requiresGrad)
  const outputs = outputsOf(fn, all)
  const live = outputs.filter(({ requiresGrad }) => requiresGrad)
  if (live.length === 0) {
    throw new AutogradError('gradcheck: what the function gives depends on no input that requires a gradient')
  }
  const weights = outputs.map((x) => (x.requiresGrad ? noGrad(() => randn(x.shape)) : undefined))
  const gradOutputs = weights.filter((x): x is Tensor => x !== undefined)
  const gradients = grad(live, checked, { gradOutputs, allowUnused: true })
  const factors = weights.map((x) => x?.toFloat32Array())

  /** Σ |f · w|, by which rounding is measured, and Σ f · w. */
  const evaluate = () =>
    noGrad(() => {
      let [sum, size] = [0, 0]
      for (const [i, x] of outputsOf(fn, all).entries()) {
        const factor = factors[i]
        if (!factor) continue
        for (const [j, value] of x.toFloat32Array().entries()) {
          sum += value * factor[j]
          size += Math.abs(value * factor[j])
        }
      }
      return { sum, size }
    })
  const [first, second] = [evaluate(), evaluate()]
  if (first.sum !== second.sum && !(Number.isNaN(first.sum) && Number.isNaN(second.sum))) {
    throw new ArgumentError(
      'gradcheck: the function gives something else each time (is there dropout in it, or a statistic that moves?), so that there are no differences to compare with',
    )
  }
  const noise = (first.size * 2 ** -22) / eps

  for (const [k, x] of checked.entries()) {
    const values = gradients[k]?.toFloat32Array() ?? new Float32Array(x.size)
    const differences = differencesOf(x, eps, () => evaluate().sum)
    const off = differences
      .map((expected, at) => ({ expected, at, got: values[at] }))
      .filter(({ expected, got }) => !(Math.abs(got - expected) <= atol + rtol * Math.abs(expected) + noise))
    if (off.length === 0) continue
    if (!raiseException) return false
    const [{ expected, at, got }] = off
    const place = placeOf(at, x.shape).join(', ')
    throw new AutogradError(
      `gradcheck: the gradient of input ${all.indexOf(x)} (shape [${x.shape}]) at [${place}] is ${got}, but finite differences give ${expected.toPrecision(6)}; ${off.length} of ${x.size} elements are off by more than atol = ${atol} and rtol = ${rtol}`,
    )
  }
  return true
}

/** @throws {ArgumentError} for what can't be checked */
function checkInputs(fn: Checked, inputs: readonly unknown[]): void {
  if (typeof fn !== 'function') {
    throw new ArgumentError(`gradcheck: expected a function of the inputs, got ${kindOf(fn)}`)
  }
  let some = false
  for (const [i, x] of inputs.entries()) {
    if (!(x instanceof Tensor)) {
      throw new ArgumentError(`gradcheck: input ${i} is a tensor, got ${kindOf(x)}; make one with tensor(…)`)
    }
    some ||= x.requiresGrad
    if (x.requiresGrad && x.producer) {
      throw new ArgumentError(
        `gradcheck: input ${i} is an operation's result, and can't be changed; give what it was made of, or a detached copy with requiresGrad`,
      )
    }
  }
  if (!some) throw new ArgumentError('gradcheck: no input requires a gradient; set requiresGrad of one')
}

/** The differences along each element of `x`, which is changed in place meanwhile. */
function differencesOf(x: Tensor, eps: number, evaluate: () => number): number[] {
  const { storage } = x.toRows_()
  return Array.from(x.toFloat32Array(), (value, at) => {
    const along = (distance: number) => {
      storage.writeFloat(at, value + distance)
      return evaluate()
    }
    try {
      return (8 * (along(eps) - along(-eps)) - (along(2 * eps) - along(-2 * eps))) / (12 * eps)
    } finally {
      storage.writeFloat(at, value)
    }
  })
}

/** The indices of an element. */
function placeOf(at: number, shape: readonly number[]): number[] {
  let rest = at
  return shape
    .map((_, i) => shape[shape.length - 1 - i])
    .map((size) => {
      const index = rest % size
      rest = Math.floor(rest / size)
      return index
    })
    .reverse()
}
