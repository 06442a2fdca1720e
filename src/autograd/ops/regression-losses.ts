/** Losses of numbers that are to be near others. d is the difference of input and target. */
import { checkNumber } from '../../check.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, minimum, mul, sub } from './arithmetic.js'
import { checkReduction, elementwiseLoss, type LossOptions } from './loss.js'
import { abs } from './unary.generated.js'
import { pow } from './unary.js'

/** What `smoothL1Loss` takes besides tensors. */
export interface SmoothL1LossOptions extends LossOptions {
  /** Where the square ends and the straight line begins, of at least 0. Default 1. */
  beta?: number
}

/** What `huberLoss` takes besides tensors. */
export interface HuberLossOptions extends LossOptions {
  /** Where the square ends and the straight line begins, above 0. Default 1. */
  delta?: number
}

/**
 * The squared difference, d².
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html
 *
 * @param input any shape
 * @param target of the input's shape; either may be a single value of shape []
 * @returns [], or the input's shape with reduction 'none'
 * @throws {ShapeError} where the shapes differ, also where they would broadcast
 * @throws {ArgumentError} for an unknown option or reduction
 */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return mseLossFor('mseLoss', input, target, options)
}

/** As `mseLoss`; errors name who asks. */
export function mseLossFor(name: string, input: Tensor, target: Tensor, options: LossOptions): Tensor {
  const reduction = checkReduction(name, options)
  return elementwiseLoss(name, input, target, reduction, (x, y) => pow(sub(x, y), 2))
}

/**
 * The absolute difference, |d|; its gradient is 0 at 0.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html
 *
 * @param input any shape
 * @param target of the input's shape; either may be a single value of shape []
 * @returns [], or the input's shape with reduction 'none'
 * @throws {ShapeError} where the shapes differ, also where they would broadcast
 * @throws {ArgumentError} for an unknown option or reduction
 */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return l1LossFor('l1Loss', input, target, options)
}

/** As `l1Loss`; errors name who asks. */
export function l1LossFor(name: string, input: Tensor, target: Tensor, options: LossOptions): Tensor {
  const reduction = checkReduction(name, options)
  return elementwiseLoss(name, input, target, reduction, (x, y) => abs(sub(x, y)))
}

/**
 * With a = |d| and m = min(a, end): `m² / 2 · curve + (a − m) · slope`, the square up to `end`, and from there the
 * line that goes on from it. The minimum of equals has halves of both gradients, which are the same there.
 */
function squareThenLine(x: Tensor, y: Tensor, end: number, curve: number, slope: number): Tensor {
  const a = abs(sub(x, y))
  const m = minimum(a, end)
  const line = sub(a, m)
  return add(mul(m, mul(m, curve / 2)), slope === 1 ? line : mul(line, slope))
}

/**
 * `d² / (2 beta)` where |d| is below `beta`, and `|d| − beta / 2` elsewhere; with `beta` 0 it is `l1Loss`.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.smooth_l1_loss.html
 *
 * @param input any shape
 * @param target of the input's shape; either may be a single value of shape []
 * @returns [], or the input's shape with reduction 'none'
 * @throws {ShapeError} where the shapes differ, also where they would broadcast
 * @throws {ArgumentError} for an option that is unknown or out of range
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1LossOptions = {}): Tensor {
  return smoothL1LossFor('smoothL1Loss', input, target, options)
}

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkSmoothL1Loss(name: string, options: SmoothL1LossOptions): Required<SmoothL1LossOptions> {
  const reduction = checkReduction(name, options, ['beta'])
  const { beta = 1 } = options
  checkNumber(name, 'beta', beta, { least: 0 })
  return { reduction, beta }
}

/** As `smoothL1Loss`; errors name who asks. */
export function smoothL1LossFor(
  name: string,
  input: Tensor,
  target: Tensor,
  options: SmoothL1LossOptions,
): Tensor {
  const { reduction, beta } = checkSmoothL1Loss(name, options)
  if (beta === 0) return l1LossFor(name, input, target, { reduction })
  return elementwiseLoss(name, input, target, reduction, (x, y) => squareThenLine(x, y, beta, 1 / beta, 1))
}

/**
 * `d² / 2` where |d| is at most `delta`, and `delta (|d| − delta / 2)` elsewhere.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.huber_loss.html
 *
 * @param input any shape
 * @param target of the input's shape; either may be a single value of shape []
 * @returns [], or the input's shape with reduction 'none'
 * @throws {ShapeError} where the shapes differ, also where they would broadcast
 * @throws {ArgumentError} for an option that is unknown or out of range
 */
export function huberLoss(input: Tensor, target: Tensor, options: HuberLossOptions = {}): Tensor {
  return huberLossFor('huberLoss', input, target, options)
}

/** Checks the options for who asks. @throws {ArgumentError} */
export function checkHuberLoss(name: string, options: HuberLossOptions): Required<HuberLossOptions> {
  const reduction = checkReduction(name, options, ['delta'])
  const { delta = 1 } = options
  // The least that a float32 can hold: so above 0.
  checkNumber(name, 'delta (above 0)', delta, { least: 2 ** -149 })
  return { reduction, delta }
}

/** As `huberLoss`; errors name who asks. */
export function huberLossFor(name: string, input: Tensor, target: Tensor, options: HuberLossOptions): Tensor {
  const { reduction, delta } = checkHuberLoss(name, options)
  return elementwiseLoss(name, input, target, reduction, (x, y) => squareThenLine(x, y, delta, 1, delta))
}
