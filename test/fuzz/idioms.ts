/** What people write with operations: pieces of several steps that a draw of single ones would rarely make. */
import { need } from '../support/interpreter/value.js'
import type { Draw } from './draw.js'
import type { Ref } from './program.js'

/** A convolution that keeps the shape. */
function same(d: Draw, x: Ref): Ref {
  const c = d.known(x).shape[1]
  return d.step('conv2d', [x, d.leaf([c, c, 3, 3]), d.chance(0.5) ? d.leaf([c]) : null, { padding: 1 }])
}

/** A matrix of more than one row. */
function matrix(d: Draw): Ref {
  return d.value(
    (v) => v.shape.length === 2 && v.shape[0] > 1 && v.shape[1] > 0,
    () => [d.between(2, 9), d.between(1, 7)],
  )
}

export const IDIOMS: Readonly<Record<string, (d: Draw) => Ref>> = {
  /** He et al., 2015: what a convolution gives, and what it was given. */
  residual(d) {
    const x = d.image()
    const y = d.step('mul', [same(d, x), 0.25])
    return d.step('add', d.chance(0.5) ? [x, y] : [y, x])
  },
  /** Hu et al., 2017: channels weighed by what is in them. */
  squeezeExcite(d) {
    const x = d.image()
    const c = d.known(x).shape[1]
    const mean = d.step('mean', [x, { dim: [2, 3], keepdim: true }])
    const gate = d.chance(0.5)
      ? d.step('conv2d', [mean, d.leaf([c, c, 1, 1]), d.leaf([c])])
      : d.step('mul', [mean, d.leaf([c, 1, 1])])
    return d.step('mul', [x, d.step('sigmoid', [gate])])
  },
  /** A bias and a scale for each channel, of shape [C, 1, 1]. */
  perChannel(d) {
    const x = d.image()
    const c = d.known(x).shape[1]
    return d.step('add', [
      d.step('mul', [x, d.leaf([c, 1, 1])]),
      d.leaf(d.chance(0.5) ? [c, 1, 1] : [1, c, 1, 1]),
    ])
  },
  leakyRelu(d) {
    const x = d.value()
    return d.step('maximum', [x, d.step('mul', [x, 0.125])])
  },
  /** Channels of two convolutions side by side. */
  inception(d) {
    const x = d.image()
    return d.step('cat', [[same(d, x), x, same(d, x)], 1])
  },
  /** Batch normalisation by hand. */
  normalise(d) {
    const x = matrix(d)
    const centred = d.step('sub', [x, d.step('mean', [x, { dim: 0 }])])
    const square = d.step('mean', [d.step('pow', [centred, 2]), { dim: 0 }])
    return d.step('div', [centred, d.step('sqrt', [d.step('add', [square, 0.25])])])
  },
  /** Vaswani et al., 2017. */
  attention(d) {
    const x = matrix(d)
    const k = d.known(x).shape[1]
    const [query, key, val] = [0, 1, 2].map(() => d.step('matmul', [x, d.leaf([k, k])]))
    const scores = d.step('mul', [d.step('matmul', [query, d.step('transpose', [key, -1, -2])]), 0.25])
    return d.step('matmul', [d.step('softmax', [scores, -1]), val])
  },
  /** Images as sequences of pixels, and back. */
  pixels(d) {
    const x = d.image()
    const [n, c, h, w] = d.known(x).shape
    need(n > 0, 'an image')
    const rows = d.step('permute', [d.step('flatten', [x, 2]), [0, 2, 1]])
    const mixed = d.step('linear', [rows, d.leaf([c, c]), d.leaf([c])])
    return d.step('reshape', [d.step('permute', [mixed, [0, 2, 1]]), [n, c, h, w]])
  },
  /** The classifier behind a convolutional net. */
  head(d) {
    const x = d.image()
    const pooled = d.step('mean', [x, { dim: [2, 3] }])
    const out = d.between(1, 7)
    return d.step('linear', [pooled, d.leaf([out, d.known(x).shape[1]]), d.leaf([out])])
  },
}
