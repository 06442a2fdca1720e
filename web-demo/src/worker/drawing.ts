/** A net as the page draws it: some units of each layer, their incoming weights, the gradients between them. */
import type { nn } from 'simdgrad'
import type { Drawing, DrawnLayer, Side } from '../protocol.js'
import type { Batch } from './digits.js'
import { isWeighted, nameOf } from './nets.js'
import { withGradients } from './slope.js'

/** Units of a layer in the picture, and in the layer that is opened. */
const FEW = 8
const ALL = 100

interface Layer {
  name: string
  /** Of the weights and their gradients: units, and weights of each. */
  units: number
  inputs: number
  /** Inputs that come from one unit of the layer before: pixels of an image, or 1. */
  each: number
  weight: Float32Array
  gradient: Float32Array
}

export function drawingOf(net: nn.Sequential, side: Side, batch: Batch, open: number | undefined): Drawing {
  const layers = withGradients(net, batch, () => {
    let before = 1
    return net.modules.filter(isWeighted).map((module): Layer => {
      const weight = module.weight.toFloat32Array()
      const gradient = module.weight.grad?.toFloat32Array() ?? new Float32Array(weight.length)
      const [units] = module.weight.shape
      const inputs = weight.length / units
      const name = nameOf(module)
      const layer = { name, units, inputs, each: inputs / before, weight, gradient }
      before = units
      return layer
    })
  })
  const drawn = layers.map((layer, i) => draw(layer, FEW, i === 0 ? 0 : Math.min(FEW, layers[i - 1].units)))
  const opened = open === undefined ? undefined : layers[open]
  return {
    side,
    layers: drawn,
    open: opened && open !== undefined ? { layer: open, drawn: draw(opened, ALL, 0) } : undefined,
  }
}

/** The side of the square in which a unit's weights are laid out. */
const squareOf = (inputs: number) => Math.ceil(Math.sqrt(inputs))

function draw(
  { name, units, inputs, each, weight, gradient }: Layer,
  most: number,
  before: number,
): DrawnLayer {
  const shown = Math.min(most, units)
  const side = squareOf(inputs)
  const weights = new Int8Array(shown * side * side)
  let largest = 0
  for (const value of weight) largest = Math.max(largest, Math.abs(value))
  for (let unit = 0; unit < shown; unit++) {
    for (let i = 0; i < inputs; i++) {
      weights[unit * side * side + i] = Math.round((127 * weight[unit * inputs + i]) / (largest || 1))
    }
  }
  const edges = new Float32Array(shown * before)
  for (let unit = 0; unit < shown; unit++) {
    for (let from = 0; from < before; from++) {
      let squares = 0
      for (let i = 0; i < each; i++) squares += gradient[unit * inputs + from * each + i] ** 2
      edges[unit * before + from] = Math.sqrt(squares / each)
    }
  }
  const squares = gradient.reduce((sum, value) => sum + value * value, 0)
  return { name, units, shown, side, weights, largest, gradient: Math.sqrt(squares / gradient.length), edges }
}
