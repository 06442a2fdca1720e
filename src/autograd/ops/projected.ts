/**
 * An LSTM whose states are projected (Sak, Senior and Beaufays, 2014): hₜ = Wₕᵣ·uₜ, where uₜ = o ⊙ tanh(cₜ) is what a plain
 * one gives. Its gates read hₜ₋₁, and Wₕₕ·hₜ₋₁ = (Wₕₕ·Wₕᵣ)·uₜ₋₁: so it is the plain one with that product for a weight, and
 * then a product. A first state, which is no projection of a u, comes in as further columns of the first step's input.
 */

import type { Tensor } from '../../tensor/tensor.js'
import { linear, matmul } from './matmul.js'
import { padConstant } from './pad-constant.js'
import { cat, reshape, slice } from './rearrange.js'
import { type RecurrentWeights, recurrent } from './recurrent.js'

/**
 * As `recurrent`, to be called in a scope.
 *
 * @param x [T, N, I]
 * @param weights weightHh [4 · H, P] and weightHr [P, H] besides
 * @param h0 [N, P]
 * @param c0 [N, H]
 * @returns all h, [T, N, P], the last of them, [1, N, P], and the last cell, [1, N, H]
 */
export function projected(
  x: Tensor,
  { weightHr, ...weights }: RecurrentWeights & { weightHr: Tensor },
  h0: Tensor | undefined,
  c0: Tensor | undefined,
  attributes: Parameters<typeof recurrent>[4],
): ReturnType<typeof recurrent> {
  const { weightIh, weightHh } = weights
  const [t, n] = x.shape
  const p = weightHh.shape[1]
  let [input, weight] = [x, weightIh]
  if (h0) {
    const [before, after] = attributes.reverse ? [t - 1, 0] : [0, t - 1]
    const padding = { before: [before, 0, 0], after: [after, 0, 0], value: 0 }
    input = cat([x, padConstant(reshape(h0, [1, n, p]), padding)], 2)
    weight = cat([weightIh, weightHh], 1)
  }
  const plain = { ...weights, weightIh: weight, weightHh: matmul(weightHh, weightHr) }
  const { output, c } = recurrent(input, plain, undefined, c0, attributes)
  const h = linear(output, weightHr, null)
  const last = attributes.reverse ? 0 : t - 1
  return { output: h, h: slice(h, 0, last, last + 1), c }
}
