/** What functions of a user's take and give: tensors, in arrays and plain objects of any depth, beside other values. */
import type { Layout } from '../bindings/memory.js'
import { isPlainObject } from '../check.js'
import { type Shape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** What is remembered of a tensor: also where, among the leaves, the same memory came first. */
export interface TensorLeaf {
  readonly shape: Shape
  readonly layout: Layout
  readonly first: number
}

/** One of the values that a tree is made of, or a mark of where it branches. */
export type Leaf = TensorLeaf | unknown

/** Marks of arrays' and objects' ends. */
const END = Symbol('end')
const ARRAY = Symbol('array')

/** The tensors and other values of a tree in order, with marks that tell trees apart. */
export function flatten(tree: readonly unknown[]): unknown[] {
  const leaves: unknown[] = []
  for (const value of tree) enter(value, leaves)
  return leaves
}

function enter(value: unknown, leaves: unknown[]): void {
  if (Array.isArray(value)) {
    leaves.push(ARRAY)
    for (const one of value) enter(one, leaves)
    leaves.push(END)
  } else if (isPlainObject(value)) {
    for (const [key, one] of Object.entries(value)) {
      leaves.push(key)
      enter(one, leaves)
    }
    leaves.push(END)
  } else leaves.push(value)
}

/** Whether leaves are what was remembered: tensors of the same shapes and layouts, and all else the same. */
export function sameLeaves(remembered: readonly Leaf[], leaves: readonly unknown[]): boolean {
  if (remembered.length !== leaves.length) return false
  for (let i = 0; i < leaves.length; i++) {
    const [before, now] = [remembered[i], leaves[i]]
    if (!(now instanceof Tensor)) {
      if (!Object.is(before, now)) return false
      continue
    }
    const { shape, layout, first } = (before ?? {}) as Partial<TensorLeaf>
    if (!shape || !sameShape(shape, now.shape) || layout !== now.layout) return false
    for (let k = 0; k <= i; k++) {
      const other = leaves[k]
      if (!(other instanceof Tensor) || other.storage !== now.storage) continue
      if (k !== first) return false
      break
    }
  }
  return true
}

/** The same tree with other tensors. */
export function mapTensors(value: unknown, map: (x: Tensor) => unknown): unknown {
  if (value instanceof Tensor) return map(value)
  if (Array.isArray(value)) return value.map((one) => mapTensors(one, map))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapTensors(one, map)]))
}
