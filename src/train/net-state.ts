/** What a look at a net may change and has to put back: modes, buffers, and tensors in fields. */
import { BatchNorm } from '../nn/batch-norm.js'
import { keepModes } from '../nn/modes.js'
import { type AnyModule, Parameter } from '../nn/module.js'
import { zeros } from '../tensor/create.js'
import { Tensor } from '../tensor/tensor.js'

/** Puts back what was. */
export interface KeptState {
  restoreModes(): void
  /**
   * Buffers, and tensors that are fields and no parameters: the same ones, with the same values. And what batch norm
   * remembers of training.
   */
  restoreBuffers(): void
}

/** Takes it down. */
export function keepState(net: AnyModule): KeptState {
  const restoreModes = keepModes(net)
  const fields = net.namedModules().flatMap(([, module]) =>
    Object.entries(module)
      .filter(
        (entry): entry is [string, Tensor] => entry[1] instanceof Tensor && !(entry[1] instanceof Parameter),
      )
      .map(([field, value]) => ({ module, field, value })),
  )
  const norms = net.namedModules().flatMap(([, module]) => {
    return module instanceof BatchNorm ? [{ module, together: module.mostTogether }] : []
  })
  const tensors = [...new Set([...net.buffers(), ...fields.map(({ value }) => value)])]
  const kept = tensors.map((tensor) => {
    return { tensor, version: tensor.version, values: zeros(tensor.shape).copy_(tensor) }
  })
  return {
    restoreModes,
    restoreBuffers() {
      for (const { module, together } of norms) module.mostTogether = together
      for (const { module, field, value } of fields) {
        if (Reflect.get(module, field) !== value) Reflect.set(module, field, value)
      }
      for (const { tensor, version, values } of kept) {
        if (tensor.version === version) continue
        tensor.copy_(values)
        // The values are those of that version again: what counts changes, or remembers them, need not mind.
        tensor.storage.version = version
      }
    },
  }
}
