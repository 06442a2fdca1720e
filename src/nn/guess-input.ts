/** An input that a net accepts, found by trying: what its layers say of channels, and the usual sizes. */
import { noGrad } from '../autograd/tape.js'
import { zeros } from '../tensor/create.js'
import { keepingStream, randn } from '../tensor/random.js'
import type { Shape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { keepModes } from './modes.js'
import type { AnyModule } from './module.js'

/** Widths of images and lengths of sequences, the usual ones first. */
const USUAL = [28, 32, 8, 16, 64, 24, 48, 12, 7, 4, 1, 96, 128, 224]
const SIZES = [...new Set([...USUAL, ...Array.from({ length: 80 }, (_, i) => i + 1)])]
/** Layers whose sizes are looked at: the first fields are mostly the first to be called. */
const LOOKED_AT = 4

/** What might go into a layer. Layers are told by their fields, so that none has to be loaded for this. */
function* shapesFor(layer: AnyModule): Generator<Shape> {
  const size = (field: string): number | undefined => {
    const value: unknown = Reflect.get(layer, field)
    return typeof value === 'number' ? value : undefined
  }
  const weight: unknown = Reflect.get(layer, 'weight')
  const rank = (weight as Tensor | null | undefined)?.shape?.length
  const channels = size('inChannels')
  if (channels !== undefined) {
    for (const s of SIZES) yield rank === 3 ? [2, channels, s] : [2, channels, s, s]
  }
  const features = size('inFeatures')
  if (features !== undefined)
    yield* [
      [2, features],
      [2, 3, features],
    ]
  const normalised = size('numFeatures') ?? size('numChannels')
  if (normalised !== undefined) {
    yield* [
      [2, normalised],
      [2, normalised, 8],
    ]
    for (const s of SIZES) yield [2, normalised, s, s]
    yield [2, normalised, 4, 8, 8]
  }
  const steps = size('inputSize') ?? size('embedDim') ?? size('dModel')
  if (steps !== undefined) yield [4, 2, steps]
}

/** A random input that `net.forward` takes in evaluation; undefined where none is found. */
export function guessInput(net: AnyModule): Tensor | undefined {
  const modules = net.namedModules().map(([, module]) => module)
  const restore = keepModes(net)
  const accepts = (x: Tensor) => {
    try {
      keepingStream(() => noGrad(() => Reflect.apply(net.forward, net, [x])))
      return true
    } catch {
      return false
    }
  }
  try {
    net.eval()
    let looked = 0
    for (const layer of modules) {
      const indices = Reflect.get(layer, 'numEmbeddings') === undefined ? [] : [zeros([2, 8]), zeros([2])]
      const found = indices.find(accepts)
      if (found) return found
      let any = indices.length > 0
      for (const shape of shapesFor(layer)) {
        any = true
        if (accepts(zeros(shape))) return keepingStream(() => randn(shape))
      }
      if (any && ++looked === LOOKED_AT) return undefined
    }
    return undefined
  } finally {
    restore()
  }
}
