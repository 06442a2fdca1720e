/** The small graphs of graphs.json; test/fixtures/graphs.py has the same. */
import { cat, nn, type Tensor } from 'simdgrad'

const { batchNorm, conv2d, maxPool2d } = nn.functional

const conv = (x: Tensor, w: Tensor) => conv2d(x, w, null, { padding: 1 })
const norm = (x: Tensor, weight: Tensor, bias: Tensor) => batchNorm(x, { weight, bias, training: true })
const leaky = (h: Tensor) => h.mul(0.1).maximum(h)

type Graph = (...inputs: Tensor[]) => Tensor

const sumBetween: Graph = (x, v, w) => conv(conv(x, v).add(x), w)

/** By the names that the fixture has. */
export const GRAPHS: Readonly<Record<string, Graph>> = {
  'a sum between convolutions': sumBetween,
  'a sum between convolutions, 17 images': sumBetween,
  'a sum with what needs no gradient': sumBetween,
  'minus a number': (x, v, w) => conv(conv(x, v).sub(1), w),
  'a number minus': (x, v, w) => conv(conv(x, v).mul(-1).add(1), w),
  'a sum, then batch norm': (x, v, g, b) => norm(conv(x, v).add(x), g, b),
  'a sum, then max pooling': (x, v) => maxPool2d(conv(x, v).add(x), 2),
  'a sum, then mean over pixels': (x, v, w) =>
    conv(x, v)
      .add(x)
      .mean({ dim: [2, 3] })
      .matmul(w),
  'a sum, then flatten': (x, v, w) => conv(x, v).add(x).flatten(1).matmul(w),
  'a sum, then permute': (x, v, w) => conv(x, v).add(x).permute([0, 2, 3, 1]).matmul(w),
  'a sum, then slice': (x, v, w) => conv(conv(x, v).add(x).slice(1, 1, 3), w),
  'a sum, then relu': (x, v, w) => conv(conv(x, v).add(x).relu(), w),
  'three summands': (x, u, v, w) => conv(conv(x, u).add(conv(x, v)).add(x), w),
  'three summands in rows': (a, b, c, w) => a.add(b).add(c).matmul(w),
  'three that are joined': (x, v, w) => conv(cat([conv(x, v), x, x], 1), w),
  'the same twice': (x, v, w) => {
    const h = conv(x, v)
    return conv(h.add(h), w)
  },
  'a sum beside its part': (x, v, w) => {
    const h = conv(x, v)
    return conv(cat([h.add(x), h], 1), w)
  },
  'a sum used twice': (x, v, w) => {
    const s = conv(x, v).add(x)
    return conv(s, w).add(s)
  },
  'a sum of sums': (x, v, w) => {
    const h = conv(x, v)
    const s = h.add(x)
    return conv(s.add(h).add(s), w)
  },
  'a sum used twice in rows': (a, b) => {
    const s = a.add(b)
    return s.add(a).mul(s)
  },
  'a difference': (x, u, v, w) => conv(conv(x, u).sub(conv(x, v)), w),
  'a square': (x, v, w) => conv(conv(x, v).pow(2).add(x), w),
  'a quotient': (x, v, w) => conv(conv(x, v).div(x.mul(x).add(1)), w),
  'a bias by hand': (x, v, b, w) => conv(conv(x, v).add(b), w),
  'a leaky ReLU by hand': (x, v, w) => conv(leaky(conv(x, v)), w),
  'a leaky ReLU by hand, in rows': (x, v, w) => leaky(x.matmul(v)).matmul(w),
  'squeeze and excite': (x, v, w) => {
    const h = conv(x, v)
    return conv(h.mul(h.mean({ dim: [2, 3], keepdim: true }).sigmoid()), w)
  },
  'pre-activation': (x, u, gamma, beta, v, w) => {
    const h = conv(x, u)
    return conv(h.add(conv(norm(h, gamma, beta).relu(), v)), w)
  },
  'pooling and a sum': (x, v, w) => conv(maxPool2d(conv(x, v), 3, { stride: 1, padding: 1 }).add(x), w),
  'a softmax of a sum': (a, b) => a.add(b).softmax(1).mul(a),
}
