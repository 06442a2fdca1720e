/** Attention in ONNX: softmax(scale · q kᵀ + mask) v. */
import { AutogradError } from '../errors.js'
import type { Size } from './formula.js'
import type { Written } from './written.js'

interface Attention {
  t: Size
  s: Size
  boolean: boolean
  causal: boolean
  scale: number
  p: number
}

export function attentionOf(written: Written<Attention>): string {
  const { w, step, in: name, sizes, fixed, attributes } = written
  const { t, s, boolean, causal, scale, p } = attributes
  if (p > 0) {
    throw new AutogradError(
      'scaledDotProductAttention: it drops weights at random (dropoutP), in evaluation too, which an ONNX graph can not; give 0 there, as this.training ? p : 0',
    )
  }
  const rank = sizes(1).length
  const perm = Array.from({ length: rank }, (_, d) => d)
  perm.push(...perm.splice(-2).reverse())
  const key = w.add('Transpose', [name(1)], { perm })
  let scores = w.add('MatMul', [w.add('Mul', [name(0), w.number(fixed(scale))]), key])
  const hidden = w.number(Number.NEGATIVE_INFINITY)
  if (step.inputs[3]) {
    scores = boolean
      ? w.add('Where', [w.toBoolean(name(3)), scores, hidden])
      : w.add('Add', [scores, name(3)])
  }
  if (causal) {
    const back = w.add('Trilu', [w.add('Expand', [w.number(1), w.sizes([t, s])])], { upper: 0 })
    scores = w.add('Where', [w.toBoolean(back), scores, hidden])
  }
  const weights = w.add('Softmax', [scores], { axis: -1 })
  if (!step.inputs[3]) return w.add('MatMul', [weights, name(2)])
  // A query that sees no key gets zeros.
  const most =
    w.opset >= 18
      ? w.add('ReduceMax', [scores, w.ints([-1])], { keepdims: 1 })
      : w.add('ReduceMax', [scores], { axes: [-1], keepdims: 1 })
  const seen = w.add('Where', [w.add('Equal', [most, hidden]), w.number(0), weights])
  return w.add('MatMul', [seen, name(2)])
}
