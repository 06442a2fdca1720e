import { copyValues } from '../../tensor/copy.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { defineOperation, unchanged } from '../operation.js'
import { run } from '../tape.js'

const cloneOperation = defineOperation<undefined>({
  name: 'clone',
  inputs: { x: 'any' },
  output: 'any',
  gradients: { x: [] },
  shape: ([x]) => x.shape,
  forward: ({ inputs: [x], output }) => copyValues(x.storage, output.storage),
  repeats: unchanged,
  backward: (call) => call.pass(0, call.dy),
})

/** A copy, through which gradients flow. https://pytorch.org/docs/stable/generated/torch.clone.html */
export function clone(x: Tensor): Tensor {
  checkTensor('clone', 'input', x)
  return run(cloneOperation, [x], undefined)
}
