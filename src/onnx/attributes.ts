/** Attributes of operations, put so that they say the same whatever the batch. */
import { sizeOf, stridesOf } from '../tensor/shape.js'
import type { Step } from './trace.js'

/** What `at` takes of one dimension of its input. */
export interface TakenRange {
  start: number
  count: number
  step: number
  /** Whether all of it is taken. */
  whole: boolean
}

/** A reduction: over which dimensions, and whether it is a mean; else what each sum is divided and multiplied by. */
export interface PlainReduction<Size = number> {
  dims: number[]
  keepdim: boolean
  mean: boolean
  divisor: Size
  scale: number
}

/** As the operation has them, or in another form, by its name. */
export function plainAttributes(step: Step): unknown {
  return PLAIN[step.name]?.(step) ?? step.attributes
}

interface Reduction {
  first: number
  last: number
  scale?: number
}

function reduction({ inputs: [x], attributes, shape }: Step): PlainReduction {
  const { first, last, scale = 1 } = attributes as Reduction
  const from = x?.shape ?? []
  const dims = from.map((_, d) => d).filter((d) => d >= first && d <= last)
  const mean = dims.length > 0 && scale !== 1 && scale === 1 / sizeOf(dims.map((d) => from[d]))
  // (A mean in several steps has its divisor at the last.)
  const divisor = mean ? 1 : Math.round(1 / scale)
  const divides = scale === 1 / divisor
  return {
    dims,
    keepdim: shape.length === from.length,
    mean,
    divisor: divides ? divisor : 1,
    scale: mean || divides ? 1 : scale,
  }
}

/** What a region of strides takes of each dimension; where it takes one element, the dimension is gone. */
function ranges({ inputs: [x], attributes }: Step): { ranges: TakenRange[]; gone: number[] } {
  const from = x?.shape ?? []
  const { shape, start, strides } = attributes as { shape: number[]; start: number; strides: number[] }
  const steps = stridesOf(from)
  const taken: TakenRange[] = []
  const gone: number[] = []
  let [rest, k] = [start, 0]
  for (const [d, size] of from.entries()) {
    const first = size === 0 ? 0 : Math.min(size - 1, Math.floor(rest / steps[d]))
    rest -= first * steps[d]
    const step = strides[k] / steps[d]
    const fits = k < shape.length && Number.isInteger(step) && first + (shape[k] - 1) * step < size
    // As many dimensions must be left as there are to come.
    if (fits || from.length - d === shape.length - k) {
      taken.push({
        start: first,
        count: shape[k],
        step,
        whole: first === 0 && step === 1 && shape[k] === size,
      })
      k++
    } else {
      taken.push({ start: first, count: 1, step: 1, whole: false })
      gone.push(d)
    }
  }
  return { ranges: taken, gone }
}

const PLAIN: Readonly<Record<string, (step: Step) => unknown>> = {
  sum: reduction,
  max: reduction,
  argmax: reduction,
  at: ranges,
  // How many dimensions it goes over.
  layerNorm({ inputs: [x, weight, bias], attributes }) {
    const { cols, eps } = attributes as { cols: number; eps: number }
    const shape = x?.shape ?? []
    let count = (weight ?? bias)?.shape.length ?? 1
    while (count < shape.length && sizeOf(shape.slice(-count)) < cols) count++
    return { count, eps }
  },
  scaledDotProductAttention({ attributes }) {
    const { t, s, boolean, causal, scale, p } = attributes as Record<string, unknown>
    return { t, s, boolean, causal, scale, p }
  },
  batchNorm({ attributes }) {
    const { training, eps } = attributes as { training: boolean; eps: number }
    return { training, eps }
  },
  // Whose padding and gradients are no matter of the forward.
  embedding: () => ({}),
  function: () => ({}),
}
