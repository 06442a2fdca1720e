/**
 * What an operation is: a declaration, and three functions that compute. The declaration says in which layouts
 * the operation takes its inputs and gives its result, whose gradient it can give, and what each gradient reads.
 * All else is the tape's: it brings the inputs into their layouts, makes the result and whatever else the
 * forward fills, keeps for backward what the wanted gradients read and nothing more, frees it, and hands each
 * gradient over exactly once. So an operation cannot forget a conversion, free a tensor that somebody has, or
 * give a gradient that nobody asked for.
 */
import type { Layout } from '../bindings/memory.js'
import type { Shape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'

/**
 * The layout in which an operation computes: a fixed one, or `any`: then all of the call is in lanes where
 * `lanes` says so, and inputs that have no batch dimension to lie in lanes come in rows.
 */
export type DeclaredLayout = Layout | 'any'

/** A tensor that the forward fills beside the result: its shape, in rows unless said otherwise. */
export interface Made {
  shape: Shape
  layout?: Layout
}

/** What an operation's forward and backward see of the tape: one use of it. */
export interface OperationCall<A> {
  readonly attributes: A
  /** The inputs in the layouts that the operation takes; in backward those that it reads. */
  readonly inputs: readonly Tensor[]
  /** What the forward fills beside the result; in backward what is read of it. */
  readonly made: readonly Tensor[]
  /** The result: what the forward fills, or what the backward reads. */
  readonly output: Tensor
  /** The gradient of the result, in its layout; there in backward only. */
  readonly dy: Tensor
  /** How many inputs there are, missing ones included. */
  readonly count: number
  /** The shape that input `i` was given in. */
  shapeOf(i: number): Shape
  /** Whether the gradient of input `i` is asked for. */
  wants(i: number): boolean
  /** An uninitialised tensor for the gradient of input `i`, in its shape and layout; undefined if nobody wants it. */
  gradient(i: number): Tensor | undefined
  /**
   * A tensor for the gradient of input `i` that is 0 but from `start` to `end` of dimension `dim`: to be filled there.
   * It may be what came of that gradient so far, if that is 0 there: parts of a tensor, one after the other, then cost
   * no more than the whole.
   */
  gradientWithin(i: number, dim: number, start: number, end: number): Tensor | undefined
  /** Gives `x`, as `dy` or a temporary, as the gradient of input `i`, if it is wanted. The memory is shared. */
  pass(i: number, x: Tensor): void
  /** Says that there is no gradient of input `i`, so that nothing flows there. */
  skip(i: number): void
  /** An uninitialised tensor that is freed when this forward or backward is done. */
  temporary(shape: Shape, layout?: Layout): Tensor
  /** Frees `x` when this forward or backward is done. */
  hold(x: Tensor): Tensor
}

/** Attributes, and a number of inputs. */
export type Repeat<A> = readonly [attributes: A, inputs?: number]

/** Of an operation that depends on its inputs and attributes alone, and changes nothing. */
export function unchanged<A>(attributes: A): Repeat<A> {
  return [attributes]
}

/** What an operation declares and computes. `A` are its attributes: what it takes besides tensors. */
export interface Definition<A> {
  readonly name: string
  /** The inputs in order, and the layout that each is taken in. Those at the end, and optional ones, may be missing. */
  readonly inputs: Readonly<Record<string, DeclaredLayout>>
  /** Whether the last input stands for any number. */
  readonly variadic?: boolean
  /** The layout of the result. */
  readonly output: DeclaredLayout
  /** Whether to compute in lanes where the layout is `any`. Default: where an input with the result's batch lies so. */
  lanes?(inputs: readonly (Tensor | undefined)[], attributes: A, shape: Shape): boolean
  /** What the forward fills beside the result, by the names in `makes`. */
  readonly makes?: readonly string[]
  made?(inputs: readonly Tensor[], attributes: A, layout: Layout): readonly Made[]
  /**
   * The inputs that have a gradient, and what it reads: names of inputs, of `makes`, or `output`. What is not
   * named here is not there in backward. A function chooses between lists, which it does not make anew.
   */
  readonly gradients: Readonly<Record<string, readonly string[] | ((attributes: A) => readonly string[])>>
  /** The result's shape. Throws ShapeError or ArgumentError for what can't be; after it nothing but memory can fail. */
  shape(inputs: readonly Tensor[], attributes: A): Shape
  /** Fills `call.output` and `call.made` from `call.inputs`, and changes nothing else before it can't fail any more. */
  forward?(call: OperationCall<A>): void
  /** Instead of `forward`, where the result is a view of the first input's memory. */
  view?(x: Tensor, shape: Shape): Tensor
  /** Gives the gradients that are wanted (`call.gradient`, `call.pass`) from `call.dy` and what was declared to be read. */
  backward(call: OperationCall<A>): void
  /**
   * How the result is made again, to the bit and without any other effect: the attributes to run `forward` with, and
   * how many of the inputs it then reads (all, if not told). Not of a view. An idle result without that is copied (bindings/recipes.ts).
   */
  repeats?(attributes: A): Repeat<A>
  /** Lets go of what the attributes hold for backward, which will not come (again). */
  free?(attributes: A): void
}

/** Where the values that a gradient reads come from. */
export type Source = { kind: 'input' | 'made'; index: number } | { kind: 'output' }

/** A definition, looked through once. */
export interface Operation<A> extends Definition<A> {
  readonly inputNames: readonly string[]
  readonly layouts: readonly DeclaredLayout[]
  /** Whether the layouts of a call depend on its inputs. */
  readonly anyLayout: boolean
  /** For each input what its gradient reads; undefined where it has none. */
  readonly reads: readonly (((attributes: A) => readonly Source[]) | undefined)[]
}

const all = new Map<string, Operation<never>>()

/** Every operation by name; the composition fuzz draws its programs from here. */
export const operations: ReadonlyMap<string, Operation<never>> = all

/** Declares an operation. (That no declaration contradicts itself is a test's to see: test/autograd/declarations.test.ts.) */
// What is not used is left out by bundlers.
/* @__NO_SIDE_EFFECTS__ */
export function defineOperation<A>(definition: Definition<A>): Operation<A> {
  const { name, inputs, makes = [], gradients } = definition
  const inputNames = Object.keys(inputs)
  const source = (read: string): Source => {
    if (read === 'output') return { kind: 'output' }
    const index = inputNames.indexOf(read)
    return index < 0 ? { kind: 'made', index: makes.indexOf(read) } : { kind: 'input', index }
  }
  const operation: Operation<A> = {
    ...definition,
    inputNames,
    layouts: Object.values(inputs),
    anyLayout: definition.output === 'any' || Object.values(inputs).includes('any'),
    reads: inputNames.map((input) => {
      const reads = gradients[input]
      if (!reads) return undefined
      if (typeof reads !== 'function') {
        const sources = reads.map(source)
        return () => sources
      }
      const known = new Map<readonly string[], readonly Source[]>()
      return (attributes) => {
        const names = reads(attributes)
        let sources = known.get(names)
        if (!sources) {
          sources = names.map(source)
          known.set(names, sources)
        }
        return sources
      }
    }),
  }
  all.set(name, operation as Operation<never>)
  return operation
}

/** The layout that input `i` is declared to be taken in. */
export function declaredLayout<A>({ layouts }: Operation<A>, i: number): DeclaredLayout {
  return layouts[Math.min(i, layouts.length - 1)]
}

/** What the gradient of input `i` reads; undefined where it has none. */
export function readsOf<A>(operation: Operation<A>, i: number, attributes: A): readonly Source[] | undefined {
  return operation.reads[Math.min(i, operation.reads.length - 1)]?.(attributes)
}
