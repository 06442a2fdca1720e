/**
 * Notes how results are made again from what their operations read (see bindings/recipes.ts). The operations whose nets
 * have large results import it; a page without them, as with an MLP, downloads none of it.
 */
import type { Storage } from '../bindings/memory.js'
import { type Ingredient, Recipe, recipeLimits, Source } from '../bindings/recipes.js'
import { recorder } from '../bindings/recording.js'
import type { Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { Call } from './call.js'
import { type Noted, setRecipes } from './recipe-notes.js'

/** Gives a result its recipe, where its operation says how it can be repeated and nothing writes down a step. */
function noteRecipe<A>(
  operation: Noted<A>,
  inputs: readonly (Tensor | undefined)[],
  attributes: A,
  output: Tensor,
): void {
  const { storage, shape } = output
  if (!operation.repeats || recorder || storage.bytes < recipeLimits.leastBytes) return
  const [repeated, count = inputs.length] = operation.repeats(attributes)
  const ingredients: (Ingredient<Storage> | undefined)[] = new Array(count)
  const shapes: Shape[] = new Array(count)
  for (let i = 0; i < count; i++) {
    const input = inputs[i]
    if (!input) continue
    const ingredient = input.storage.ingredient(Source)
    if (!ingredient) return
    ingredients[i] = ingredient
    shapes[i] = input.shape
  }
  const run = (values: readonly (Storage | undefined)[]) => {
    const tensors = values.map((value, i) => value && new Tensor(value, shapes[i]))
    const call = new Call(operation, tensors, repeated, shape)
    const result = call.compute()
    call.end(false)
    return result.storage
  }
  storage.makeAgainFrom(new Recipe<Storage>(storage, ingredients, run))
}

setRecipes(noteRecipe)
