/** All operators that are read, by their names in ONNX. */
import { ELEMENTS } from './elements.js'
import { LAYERS } from './layers.js'
import type { Operator } from './node.js'
import { ORDER } from './order.js'
import { RECURRENT } from './recurrent.js'
import { REDUCTIONS } from './reductions.js'
import { SHAPES } from './shapes.js'

const ALL = new Map<string, Operator>(
  [ELEMENTS, SHAPES, LAYERS, REDUCTIONS, RECURRENT, ORDER].flatMap((table) => Object.entries(table)),
)

/** What computes a node; undefined where there is no such operator here. */
export function operatorOf(name: string): Operator | undefined {
  return ALL.get(name)
}

/** The names, in order. */
export const READ_OPERATORS: readonly string[] = [...ALL.keys()].sort()
