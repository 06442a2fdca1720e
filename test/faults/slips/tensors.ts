/** Slips with tensors: how they are made, and their methods. */
import { ArgumentError, ShapeError } from 'simdgrad'
import { made, type Slip, t } from './slip.js'

const shape = /shape|array/i
const number = /number/i
const tensorOrNumber = /tensor|number/i
const dimension = /dim/i
const byName = /by name|option|\{/i

const argument = { error: ArgumentError }

/** What makes tensors. */
export const MAKING: Slip[] = [
  ['full', [[2]], /value|number/i, argument],
  ['full', [[2], '1'], number],
  ['full', [2, 1], shape],
  ['full', [[-1], 0], /at least 0/],
  ['zeros', [5], shape],
  ['zeros', [[2.5]], /whole/],
  ['zeros', ['2'], shape],
  ['zeros', [], shape],
  ['ones', [2, 3], shape],
  ['ones', [[Number.NaN]], /whole/],
  ['ones', [[2, '3']], /whole/],
  ['rand', [3], shape],
  ['rand', [null], shape],
  ['randn', [2, 3], shape],
  ['randn', [[3n]], /whole|number/],
  ['arange', [0, 5, 0], /step/],
  ['arange', ['5'], number],
  ['arange', [], number],
  ['arange', [0, Number.NaN], /lead|finite|number/],
  ['tensor', [undefined], /number|array/],
  ['tensor', [null], /number|array/],
  ['tensor', [{}], /number|array/],
  ['tensor', [['a', 'b']], number],
  ['tensor', [[1, null]], number],
  ['tensor', [[1n, 2n]], number],
  ['tensor', [new BigInt64Array([1n])], number],
  ['tensor', [[[1], [2, 3]]], /length|ragged/],
  ['tensor', [[1, 2], { shape: [3] }], /shape/, { error: ShapeError }],
  ['tensor', [[1, 2], { shape: 2 }], /array/],
  ['tensor', [[1, 2], { requires_grad: true }], /requiresGrad/],
  ['tensor', [[1, 2], true], byName],
  ['manualSeed', [-1], /whole number/],
  ['manualSeed', ['abc'], /whole number/],
  ['manualSeed', [], /whole number/],
  ['noGrad', [], /function/],
  ['noGrad', [5], /function/],
  ['noGrad', [made('async () => {}', () => async () => {})], /asynchronous/, argument],
  ['cat', [[t(2), null]], /tensor/, argument],
  ['cat', [[t(2), 1]], /tensor/, argument],
  ['cat', [[[1, 2], t(2)]], /tensor/, argument],
  ['cat', [t(2), t(2)], /array|list/],
  ['cat', [], /array|list|tensors/],
  ['cat', [[]], /at least one/],
  ['cat', [[t(2, 3), t(2, 4)]], /dimension/, { error: ShapeError }],
  ['cat', [[t(2)], 3], dimension],
  ['cat', [[t(2, 3)], '0'], dimension],
  ['cat', [[t(2, 3)], { dim: 0 }], dimension],
]

const BINARY = ['add', 'sub', 'mul', 'div', 'maximum']

/** The methods of a tensor. */
export const METHODS: Slip[] = [
  ...BINARY.flatMap((op): Slip[] => [
    [`Tensor.${op}`, [t(2), null], tensorOrNumber, argument],
    [`Tensor.${op}`, [t(2)], tensorOrNumber, argument],
    [`Tensor.${op}`, [t(2), [1, 2]], tensorOrNumber, argument],
    [`Tensor.${op}`, [t(2), t(3)], /broadcast/, { error: ShapeError }],
  ]),
  ['Tensor.add', [t(2), '1'], tensorOrNumber],
  ['Tensor.pow', [t(2), t(2)], number, argument],
  ['Tensor.pow', [t(2)], number, argument],
  ['Tensor.pow', [t(2), '2'], number, argument],
  ['Tensor.matmul', [t(1, 1), [[1]]], /tensor/, argument],
  ['Tensor.matmul', [t(1, 1), 3], /tensor/, argument],
  ['Tensor.matmul', [t(1, 1)], /tensor/, argument],
  ['Tensor.matmul', [t(2, 3), t(2, 3)], /inner/, { error: ShapeError }],
  ['Tensor.sum', [t(2, 3), 0], byName],
  ['Tensor.sum', [t(2, 3), { dim: 5 }], dimension],
  ['Tensor.sum', [t(2, 3), { dim: '0' }], dimension],
  ['Tensor.sum', [t(2, 3), { dim: null }], dimension],
  ['Tensor.sum', [t(2, 3), { dims: 0 }], /dim/],
  ['Tensor.mean', [t(2, 3), 1], byName],
  ['Tensor.mean', [t(2, 3), { dim: [0, 0] }], /twice/],
  ['Tensor.mean', [t(2, 3), { dim: 0.5 }], dimension],
  ['Tensor.var', [t(2, 3), 0], byName],
  ['Tensor.var', [t(2, 3), { correction: 0 }], /unbiased/],
  ['Tensor.max', [t(2, 3), 0], byName],
  ['Tensor.max', [t(2, 3), t(2, 3)], /option|dim/],
  ['Tensor.max', [t(2, 3), { dim: [0, 1] }], /one dimension/],
  ['Tensor.argmax', [t(2, 3), 1], byName],
  ['Tensor.argmax', [t(2, 3), { dim: 2 }], dimension],
  ['Tensor.reshape', [t(6), 2, 3], shape],
  ['Tensor.reshape', [t(6)], shape],
  ['Tensor.reshape', [t(6), [2, 'a']], /whole/],
  ['Tensor.reshape', [t(6), [4]], /elements/],
  ['Tensor.transpose', [t(2, 3)], dimension],
  ['Tensor.transpose', [t(2, 3), 0], dimension],
  ['Tensor.transpose', [t(2, 3), 'a', 1], dimension],
  ['Tensor.permute', [t(2, 3), 1, 0], /array|order/],
  ['Tensor.permute', [t(2, 3)], /array|order/],
  ['Tensor.permute', [t(2, 3), [0]], /each/],
  ['Tensor.flatten', [t(2, 3), '1'], dimension],
  ['Tensor.flatten', [t(2, 3), 5], dimension],
  ['Tensor.slice', [t(2, 3)], dimension],
  ['Tensor.slice', [t(2, 3), 5, 0, 1], dimension],
  ['Tensor.slice', [t(2, 3), 0, 'a'], /whole/],
  ['Tensor.slice', [t(2, 3), 0, 0.5], /whole/],
  ['Tensor.softmax', [t(2, 3)], dimension],
  ['Tensor.softmax', [t(2, 3), { dim: 1 }], dimension],
  ['Tensor.logSoftmax', [t(2, 3)], dimension],
  ['Tensor.logSoftmax', [t(2, 3), 'a'], dimension],
  ['Tensor.backward', [made('tensor([1], { requiresGrad: true })', trainable), 3], /tensor|cotangent/],
  ['Tensor.backward', [made('tensor([1], { requiresGrad: true })', trainable), [1]], /tensor|cotangent/],
  ['Tensor.backward', [t(1)], /gradient/],
  ['Tensor.backward', [made('trainable', trainable), t(1), true], byName],
  ['Tensor.backward', [made('trainable', trainable), t(1), { retain_graph: true }], /retainGraph/],
  ['Tensor.copy_', [t(2), [1, 2]], /tensor/, argument],
  ['Tensor.copy_', [t(2), null], /tensor/, argument],
  ['Tensor.copy_', [t(2), 5], /tensor/, argument],
  ['Tensor.copy_', [t(2), t(3)], /shape/, { error: ShapeError }],
  ['Tensor.fill_', [t(2)], number, argument],
  ['Tensor.fill_', [t(2), '1'], number, argument],
  ['Tensor.fill_', [t(2), t(1)], number, argument],
  ['Tensor.item', [t(2)], /one element/, { error: ShapeError }],
]

function trainable(): unknown {
  const x = t(1).make() as { requiresGrad: boolean }
  x.requiresGrad = true
  return x
}
