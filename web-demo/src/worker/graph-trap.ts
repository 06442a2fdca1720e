/** The notebook's second trap: a moving mean that stays in the autograd graph. */
import { type nn, type Tensor, zeros } from 'simdgrad'
import type { Held } from '../protocol.js'
import { isWeighted } from './nets.js'

/** Weight of the old value. */
const OLD = 0.9

/**
 * Beside a net in training it keeps a moving mean of the first layer's results, recorded as the notebook recorded it:
 * each value holds on to the one before it, back to the first step. The net's own statistics stay sound.
 */
export class GraphTrap {
  #mean: Tensor | undefined
  #operations = 0
  #milliseconds = 0
  #steps = 0

  /** After a step on `x`. @param milliseconds what the step took */
  step(net: nn.Sequential, x: Tensor, milliseconds: number): void {
    let h = x
    for (const module of net.modules) {
      h = module.forward(h)
      if (isWeighted(module)) break
    }
    const mean = h.mean({ dim: 0 }).mul(1 - OLD)
    const before = this.#mean
    this.#mean = (before ?? zeros(mean.shape)).mul(OLD).add(mean)
    // What this step has added to what was behind the mean already.
    this.#operations += operationsBehind(this.#mean, before)
    this.#milliseconds += milliseconds
    this.#steps++
  }

  /** What is held now, and the mean time of the steps since the last look. */
  look(): Held {
    const milliseconds = this.#milliseconds / Math.max(1, this.#steps)
    this.#milliseconds = 0
    this.#steps = 0
    return { operations: this.#operations, milliseconds }
  }

  /** Lets go of all of it. */
  forget(): void {
    this.#mean = undefined
    this.#operations = 0
  }
}

/** Recorded operations that a tensor holds on to, but for those behind `known`. */
function operationsBehind(tensor: Tensor, known: Tensor | undefined): number {
  const found = new Set<unknown>()
  const open = [tensor]
  for (let next = open.pop(); next; next = open.pop()) {
    if (next === known || !next.producer || found.has(next.producer)) continue
    found.add(next.producer)
    for (const source of next.producer.sources) if (source) open.push(source)
  }
  return found.size
}
