/**
 * The table of fusions: what is matched, when, and what runs instead. The composed fallback of a row is its
 * pattern, run as it comes; test/autograd/fusions.test.ts compares both over random shapes, for every row.
 * Each ends with max pooling, whose layer puts them in force.
 */
import { type Fusion, fusing, type Pending, pendingCall } from './fusion.js'
import type { Operation } from './operation.js'
import {
  type BatchNormAttributes,
  batchNormMaxPool2dOperation,
  batchNormOperation,
} from './ops/batch-norm.js'
import { type MaxWindows, maxPool2dOperation } from './ops/max-pool2d.js'
import { relu } from './ops/unary.generated.js'

/** Of images, [N, C, H, W]. */
const row = (pattern: readonly unknown[], rest: Omit<Fusion, 'pattern' | 'rank'>): Fusion => ({
  pattern: pattern as readonly Operation<never>[],
  rank: 4,
  ...rest,
})

/** Whether windows of 2 × 2 lie side by side over the whole of the first call's input. */
function halves([first, second]: readonly Pending[]): boolean {
  const { kernel, stride, padding, dilation } = second.attributes as MaxWindows
  const { shape } = first.inputs[0] ?? { shape: [] }
  const all = (pair: readonly number[], size: number) => pair.every((value) => value === size)
  const even = shape.length === 4 && shape[2] % 2 === 0 && shape[3] % 2 === 0
  return even && all(kernel, 2) && all(stride, 2) && all(padding, 0) && all(dilation, 1)
}

/** Whether each window has an element: where they lie apart, the image may be between them, and the result is −∞. */
function isDense([, second]: readonly Pending[]): boolean {
  return (second.attributes as MaxWindows).dilation.every((d) => d === 1)
}

export const FUSIONS: readonly Fusion[] = [
  // ReLU grows with its argument, so it commutes with max pooling, after which it has less to do. The gradients are
  // the same too: where a window's largest value is not above 0, none passes either way.
  row([relu.operation, maxPool2dOperation], { matches: isDense, fuse: ([first, second]) => [second, first] }),
  // The affine part is monotone: a quarter is normalised (see batchNormMaxPool2dOperation).
  row([batchNormOperation, maxPool2dOperation], {
    matches: halves,
    fuse: ([{ inputs, attributes }]) => [
      pendingCall<BatchNormAttributes>(
        batchNormMaxPool2dOperation,
        inputs,
        attributes as BatchNormAttributes,
      ),
    ],
  }),
]

/** Runs `fn`, in which calls may be fused by the table: for `setFuse`. */
export const fuseByTable = <T>(fn: () => T): T => fusing(FUSIONS, fn)
