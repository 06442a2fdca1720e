/** Operators that go over dimensions. */
import { mul } from '../../autograd/ops/arithmetic.js'
import { cumsum } from '../../autograd/ops/cumsum.js'
import { flip } from '../../autograd/ops/indexing.js'
import { prod } from '../../autograd/ops/prod.js'
import { argmax, argmin, max, mean, min, sum } from '../../autograd/ops/reduce.js'
import { abs, exp, log, sqrt } from '../../autograd/ops/unary.generated.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Host, tensorOf, type Val } from './host.js'
import type { Operator, Use } from './node.js'

interface Over {
  dims: number[]
  keepdim: boolean
}

/** Over which dimensions; undefined where there is nothing to do. */
function over(use: Use, rank: number): Over | undefined {
  const axes = use.option(1, 'axes')
  const keepdim = use.node.int('keepdims', 1) !== 0
  const leavesAll = use.node.int('noop_with_empty_axes', 0) !== 0
  if ((!axes || axes.length === 0) && leavesAll) return undefined
  const dims =
    axes && axes.length > 0 ? axes.map((d) => use.dim(d, rank)) : Array.from({ length: rank }, (_, d) => d)
  return { dims: [...new Set(dims)].sort((a, b) => a - b), keepdim }
}

/** One dimension after the other, the last first. */
const each =
  (of: (x: Tensor, options: { dim: number; keepdim: boolean }) => Tensor) =>
  (x: Tensor, { dims, keepdim }: Over): Tensor =>
    [...dims].reverse().reduce((y, dim) => of(y, { dim, keepdim }), x)

const all =
  (of: (x: Tensor, options: { dim: readonly number[]; keepdim: boolean }) => Tensor) =>
  (x: Tensor, { dims, keepdim }: Over): Tensor =>
    dims.length === 0 ? x : of(x, { dim: dims, keepdim })

function reduced(of: (x: Tensor, over: Over) => Tensor, plain?: (values: number[]) => number): Operator {
  return (use) => {
    const x = use.val(0)
    const found = over(use, x.shape.length)
    if (!found) return x
    if (x instanceof Host && plain && found.dims.length === x.shape.length) {
      const shape = found.keepdim ? x.shape.map(() => 1) : []
      return new Host(shape, [plain(Array.from(x.values))], x.kind)
    }
    return of(tensorOf(x), found)
  }
}

const best =
  (of: (x: Tensor, options: { dim: number; keepdim: boolean }) => Tensor): Operator =>
  (use) => {
    const x = use.tensor(0)
    if (use.node.int('select_last_index', 0) !== 0) throw use.node.fail('it selects the last of equals')
    const dim = use.dim(use.node.int('axis', 0), x.shape.length)
    return use.asWhole(of(x, { dim, keepdim: use.node.int('keepdims', 1) !== 0 }))
  }

function sumsSoFar(use: Use): Val {
  const x = use.tensor(0)
  const dim = use.dim(use.numbers(1)[0], x.shape.length)
  if (use.node.int('exclusive', 0) !== 0) throw use.node.fail('it leaves each own element out (exclusive)')
  return use.node.int('reverse', 0) !== 0 ? flip(cumsum(flip(x, dim), dim), dim) : cumsum(x, dim)
}

/** The mean of all further dimensions. */
const globally =
  (of: (x: Tensor, over: Over) => Tensor): Operator =>
  (use) => {
    const x = use.tensor(0)
    return of(x, { dims: x.shape.map((_, d) => d).slice(2), keepdim: true })
  }

const sums = all(sum)
const square = (x: Tensor) => mul(x, x)

export const REDUCTIONS: Readonly<Record<string, Operator>> = {
  ReduceMean: reduced(all(mean)),
  ReduceSum: reduced(sums, (values) => values.reduce((a, b) => a + b, 0)),
  ReduceMax: reduced(each(max), (values) =>
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ),
  ReduceMin: reduced(each(min), (values) =>
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  ),
  ReduceProd: reduced(each(prod), (values) => values.reduce((a, b) => a * b, 1)),
  ReduceL1: reduced((x, over) => sums(abs(x), over)),
  ReduceL2: reduced((x, over) => sqrt(sums(square(x), over))),
  ReduceSumSquare: reduced((x, over) => sums(square(x), over)),
  ReduceLogSum: reduced((x, over) => log(sums(x, over))),
  ReduceLogSumExp: reduced((x, over) => log(sums(exp(x), over))),
  GlobalAveragePool: globally(all(mean)),
  GlobalMaxPool: globally(each(max)),
  ArgMax: best(argmax),
  ArgMin: best(argmin),
  CumSum: sumsSoFar,
}
