/** Losses of numbers, and of distributions. */
import { checkKLDiv, klDivFor } from '../../autograd/ops/kl-div.js'
import { checkReduction, type LossOptions } from '../../autograd/ops/loss.js'
import * as regression from '../../autograd/ops/regression-losses.js'
import { loss } from './loss.js'

const plain = { check: (name: string, options: LossOptions) => checkReduction(name, options) }

const MSE = loss('MSELoss', { ...plain, compute: regression.mseLossFor })
/** The squared difference. Options: reduction. https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html */
export class MSELoss extends MSE {}

const L1 = loss('L1Loss', { ...plain, compute: regression.l1LossFor })
/** The absolute difference. Options: reduction. https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html */
export class L1Loss extends L1 {}

const SmoothL1 = loss('SmoothL1Loss', {
  check: regression.checkSmoothL1Loss,
  compute: regression.smoothL1LossFor,
})
/**
 * Squared below `beta`, and as steep as the absolute difference above. Options: beta, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html
 */
export class SmoothL1Loss extends SmoothL1 {}

const Huber = loss('HuberLoss', { check: regression.checkHuberLoss, compute: regression.huberLossFor })
/**
 * Squared up to `delta`, and a line of slope `delta` above. Options: delta, reduction.
 * https://pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html
 */
export class HuberLoss extends Huber {}

const KLDiv = loss('KLDivLoss', { check: checkKLDiv, compute: klDivFor })
/**
 * The Kullback-Leibler divergence of log-probabilities from a target. Options: logTarget, reduction ('batchmean' too).
 * https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html
 */
export class KLDivLoss extends KLDiv {}
