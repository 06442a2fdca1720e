/** What is said of a layer: how to draw it, and its twin. */
import type { Shape, Value } from '../support/interpreter/value.js'
import type { Draw } from './draw.js'
import type { Arg, Layer } from './program.js'

type Drawn = Pick<Layer, 'args' | 'tensors' | 'kept'>
export type Tensors = { readonly [field: string]: Value | undefined }

export interface LayerEntry {
  /** The arguments of its constructor, and leaves for its parameters and buffers; undefined where it does not fit. */
  draw(d: Draw, shape: Shape, training: boolean): Drawn | undefined
  twin(x: Value, args: readonly Arg[], tensors: Tensors, training: boolean): Value
}

/** The leaves of some parameters, each of which may be frozen. */
export const parameters = (d: Draw, shapes: { [field: string]: Shape }): { [field: string]: string } =>
  Object.fromEntries(
    Object.entries(shapes).map(([field, shape]) => [
      field,
      d.leaf(shape, { requiresGrad: d.chance(0.8), parameter: false }).ref,
    ]),
  )
