/** Taps: who wants to know a parameter's gradient while a backward is still under way. */
import { fill } from '../bindings/kernels.generated.js'
import { empty, type Tensor, view } from '../tensor/tensor.js'
import { callsBehind } from './backward.js'
import { Call } from './call.js'
import { defineOperation } from './operation.js'

/**
 * Takes the gradient of what a graph makes of a leaf, as soon as all of it is there. The leaf's `grad` is then whoever's
 * took it to set.
 */
export type Tap = (gradient: Tensor) => void

interface TapAttributes {
  readonly tap: Tap
  readonly taps: Taps
}

/** Gives the leaf itself, and takes its gradient. The second input is where all taps end. */
const tapOperation = defineOperation<TapAttributes>({
  name: 'gradientTap',
  inputs: { x: 'rows', end: 'rows' },
  output: 'rows',
  gradients: { x: [], end: [] },
  shape: ([x]) => x.shape,
  view,
  backward(call) {
    const { tap, taps } = call.attributes
    tap(call.dy)
    call.skip(0)
    // The first one sees to it that backward comes to the end, which is behind all of them.
    const gradient = taps.open() ? call.gradient(1) : undefined
    if (gradient) fill({ y: gradient.storage, value: 0 })
    else call.skip(1)
  },
})

const endOperation = defineOperation<Taps>({
  name: 'gradientTapsEnd',
  inputs: { x: 'rows' },
  output: 'rows',
  gradients: { x: [] },
  shape: ([x]) => x.shape,
  view,
  backward(call) {
    call.attributes.close()
    call.skip(0)
  },
})

/** What every graph of taps begins at, for it to be one. */
let source: Tensor | undefined

/** A recorded call at a place of its own among the others, and its result. */
function record<A>(call: Call<A>, sequence?: number): Tensor {
  const output = call.compute()
  call.end(true)
  if (sequence !== undefined) call.sequence = sequence
  output.requiresGrad = true
  output.producer = call
  return output
}

/** The taps of one forward. */
export class Taps {
  #end: Tensor | undefined
  #open = false

  /** @param finish is called in a backward when each tap that it comes to has its gradient */
  constructor(readonly finish: () => void) {}

  /** Whether this is the first tap of a backward. */
  open(): boolean {
    const first = !this.#open
    this.#open = true
    return first
  }

  /** A backward has been at all of them. */
  close(): void {
    this.#open = false
    this.finish()
  }

  /** Lets the taps to come end here. */
  begin(sequence?: number): void {
    if (!source) {
      source = empty([], 'rows', 'leaf').fill_(0)
      source.requiresGrad = true
    }
    this.#end = record(new Call(endOperation, [source], this as Taps, []), sequence)
  }

  /** What a call takes in a leaf's place. To be made right before the first such call. */
  tapped(leaf: Tensor, tap: Tap, sequence?: number): Tensor {
    return record(
      new Call(tapOperation, [leaf, this.#end], { tap, taps: this as Taps }, leaf.shape),
      sequence,
    )
  }

  /**
   * Puts taps into a recorded graph: each in front of the first call that takes its leaf, so that a backward, which goes
   * from the last call to the first, comes to it when the leaf's gradient is complete, and long before it comes to its end.
   *
   * @param outputs what the graph gives
   * @param tapOf what is to take the gradient of a leaf; undefined for others
   */
  insert(outputs: readonly Tensor[], tapOf: (leaf: Tensor) => Tap | undefined): void {
    const users = new Map<Tensor, Call[]>()
    for (const call of callsBehind(outputs)) {
      for (const leaf of new Set(call.sources)) {
        if (!leaf?.requiresGrad || leaf.producer) continue
        const known = users.get(leaf)
        if (known) known.push(call)
        else users.set(leaf, [call])
      }
    }
    const firstOf = (calls: readonly Call[]) => Math.min(...calls.map(({ sequence }) => sequence))
    this.begin(firstOf([...users.values()].flat()) - 0.75)
    for (const [leaf, calls] of users) {
      const tap = tapOf(leaf)
      if (!tap) continue
      const instead = this.tapped(leaf, tap, firstOf(calls) - 0.5)
      for (const call of calls) {
        call.sources = call.sources.map((given) => (given === leaf ? instead : given))
      }
    }
  }
}
