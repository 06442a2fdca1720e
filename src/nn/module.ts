/** The public names of what a module is. */
import type { Tensor } from '../tensor/tensor.js'
import { Module as AnyModule } from './module-base.js'

export type { HookHandle, HookOptions } from './hooks.js'
export { Parameter } from './parameter.js'
export { checkState, type LoadOptions, type LoadResult, type StateDict } from './state-dict.js'

/**
 * What is derived from: `class Net extends nn.Module`. A `forward` may take and give whatever it likes.
 */
export const Module = AnyModule

/**
 * A module that takes a tensor and gives one, which is what `fit`, `Sequential` and most layers are about; or, with
 * type arguments, one of other inputs and another output: `nn.Module<[x: Tensor, h: Tensor], [Tensor, Tensor]>`.
 */
export type Module<Inputs extends readonly unknown[] = [x: Tensor], Output = Tensor> = AnyModule<
  Inputs,
  Output
>

/** As a type: any module, whatever its `forward` takes and gives. (As a value it is `Module`.) */
export { AnyModule }
