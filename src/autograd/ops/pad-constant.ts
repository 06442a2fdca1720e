/** Elements put around a tensor, or taken away there. */
import { fill } from '../../bindings/kernels.generated.js'
import { type Shape, sameShape, stridesOf } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { defineOperation, unchanged } from '../operation.js'
import { copyRegion, type Region } from '../strided.js'
import { run } from '../tape.js'

/** How many elements come before and after along each dimension; fewer than 0 go. */
export interface Padding {
  before: readonly number[]
  after: readonly number[]
  value: number
}

/** The part that both have: its shape, and where it lies in the smaller and in the padded one. */
function common(from: Tensor, to: Tensor, { before, after }: Padding): [Shape, Region, Region] {
  const shape = from.shape.map((size, d) => size + Math.min(0, before[d]) + Math.min(0, after[d]))
  const region = (of: Tensor, sign: number): Region => {
    const strides = stridesOf(of.shape)
    return {
      of,
      start: strides.reduce((at, step, d) => at + step * Math.max(0, sign * before[d]), 0),
      strides,
    }
  }
  return [shape, region(from, -1), region(to, 1)]
}

const operation = defineOperation<Padding>({
  name: 'pad',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: [] },
  lanes: ([x], { before, after }) => x?.layout === 'lanes' && before[0] === 0 && after[0] === 0,
  shape: ([x], { before, after }) => x.shape.map((size, d) => size + before[d] + after[d]),
  forward({ inputs: [x], output, attributes }) {
    fill({ y: output.storage, value: attributes.value })
    const [shape, from, to] = common(x, output, attributes)
    copyRegion(shape, from, to)
  },
  repeats: unchanged,
  backward(call) {
    const dx = call.gradient(0)
    if (!dx) return
    fill({ y: dx.storage, value: 0 })
    const [shape, to, from] = common(dx, call.dy, call.attributes)
    copyRegion(shape, from, to)
  },
})

/** `x` with `value` around it. The caller has checked that no dimension loses more than it has. */
export function padConstant(x: Tensor, padding: Padding): Tensor {
  return run(operation, [x], padding)
}

/** `x` with zeros after it, up to `shape`, which is no smaller. */
export function padTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x
  const after = shape.map((size, d) => size - x.shape[d])
  return padConstant(x, { before: after.map(() => 0), after, value: 0 })
}
