import { noGrad } from '../autograd/tape.js'
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { BatchNorm } from '../nn/batch-norm.js'
import { Module } from '../nn/module.js'
import { zeros } from '../tensor/create.js'
import { Tensor } from '../tensor/tensor.js'
import { exclusively } from './exclusive.js'
import { timeToYield, yieldToEvents } from './yield.js'

/**
 * Computes batch norm's running statistics anew, from data and for the weights as they are: they are reset,
 * and become the plain average over all batches (as with momentum null),
 *
 *   running = Σ batch / batches
 *
 * with the unbiased variance. It helps where they have drifted: after weights were averaged or changed, with
 * tiny batches, or where the momentum was ill chosen. Weights and biases are not touched. As PyTorch's
 * update_bn it runs the net in training mode (dropout too), and afterwards every module is in the mode, and
 * has the momentum, that it came with. A net without running statistics is left alone.
 * https://pytorch.org/docs/stable/optim.html#torch.optim.swa_utils.update_bn
 *
 * @param net what `forward` is called of
 * @param data batches, such as a DataLoader: the first tensor of each is the input. Batches of one size
 *   count alike.
 * @throws {ArgumentError} for data without a batch; at this and any other error, the net is as it was
 */
export async function recalibrate(net: Module, data: Iterable<readonly Tensor[]>): Promise<void> {
  checkArguments(net, data)
  await exclusively('recalibrate', net, () => run(net, data))
}

async function run(net: Module, data: Iterable<readonly Tensor[]>): Promise<void> {
  const modules = net.namedModules().map(([, module]) => module)
  const layers = modules
    .filter((module) => module instanceof BatchNorm)
    .filter(({ runningMean }) => runningMean !== undefined)
  if (layers.length === 0) return
  const modes = modules.map(({ training }) => training)
  const momenta = layers.map(({ momentum }) => momentum)
  const buffers = layers.flatMap((layer) => layer.namedBuffers().map(([, buffer]) => buffer))
  const before = buffers.map((buffer) => zeros(buffer.shape).copy_(buffer))
  try {
    for (const layer of layers) {
      layer.runningMean?.fill_(0)
      layer.runningVar?.fill_(1)
      layer.numBatchesTracked?.fill_(0)
      layer.momentum = null
    }
    net.train()
    let batches = 0
    for (const batch of data) {
      const x = Array.isArray(batch) ? batch[0] : batch
      if (!(x instanceof Tensor)) {
        throw new ArgumentError(`recalibrate: expected batches of tensors, [x, …], got ${kindOf(batch)}`)
      }
      noGrad(() => net.forward(x))
      batches++
      if (timeToYield()) await yieldToEvents()
    }
    if (batches === 0) throw new ArgumentError('recalibrate: the data has no batch')
  } catch (error) {
    for (const [i, buffer] of buffers.entries()) buffer.copy_(before[i])
    throw error
  } finally {
    for (const [i, module] of modules.entries()) module.training = modes[i]
    for (const [i, layer] of layers.entries()) layer.momentum = momenta[i]
  }
}

/** @throws {ArgumentError} */
function checkArguments(net: Module, data: Iterable<readonly Tensor[]>): void {
  if (!(net instanceof Module)) throw new ArgumentError(`recalibrate: expected a Module, got ${kindOf(net)}`)
  if (typeof data === 'object' && data !== null && Symbol.iterator in data) return
  throw new ArgumentError(`recalibrate: expected batches, such as a data.DataLoader, got ${kindOf(data)}`)
}
