/** Whether it is noted how results are made again: the mechanism (recipe.ts) comes with the operations that need it. */
import type { Tensor } from '../tensor/tensor.js'
import type { Operation } from './operation.js'

/** An operation; or what else computes a tensor, by a name. (A page in which nobody looks has none of the calls.) */
export type Noted<A> = Operation<A> | { readonly name: string; readonly repeats?: undefined }

type Note = <A>(
  operation: Noted<A>,
  inputs: readonly (Tensor | undefined)[],
  attributes: A,
  output: Tensor,
) => void

let note: Note = () => {}

/** How results get their recipes from now on; gives how they did before. (Who looks at all operations does so here.) */
export function setRecipes(by: Note): Note {
  const before = note
  note = by
  return before
}

/** Gives a result its recipe, where it is worth one. */
export const noteRecipe: Note = (operation, inputs, attributes, output) =>
  note(operation, inputs, attributes, output)
