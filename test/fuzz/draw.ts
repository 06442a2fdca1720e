/**
 * What a table's entry draws with: values of the program so far, or new leaves, that fit its operation. The
 * program is evaluated as it grows, so shapes and magnitudes are known, and a draw that leads nowhere throws
 * Invalid and is taken back.
 */
import { broadcast, Invalid, need, type Shape, sizeOf, type Value } from '../support/interpreter/value.js'
import { Random } from '../support/random.js'
import { Evaluation, largestOf } from './evaluate.js'
import type { Arg, Kind, Leaf, Net, Program, Ref, Step } from './program.js'

/**
 * Sizes of dimensions: 1 and odd ones are where kernels end in the midst of a vector. 16 and 17 are in
 * `batch`: images lie in lanes of samples, in blocks of four and sixteen.
 */
const SIZES = [1, 1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 7, 8, 9]
const BATCHES = [1, 1, 2, 3, 3, 4, 5, 5, 16, 17]

type LeafOptions = Partial<Pick<Leaf, 'kind' | 'classes' | 'requiresGrad' | 'parameter' | 'state'>>

/** Whether an operation takes a value (whose name is `id`). */
type Fits = (v: Value, id: string) => boolean

export class Draw extends Random {
  at = new Evaluation()
  #names = 0
  /** Whether a value may be taken whose graph a backward has used: only where nothing is recorded. */
  takesSpent = false
  /** How often a new leaf is made where an old value fits. */
  fresh = 0.3
  /** How often a size is 0. Rarely, as nothing else of an empty value can be wrong. */
  empty = 0.02

  constructor(readonly seed: number) {
    super(seed)
  }

  chance(share: number): boolean {
    return this.uniform() < share
  }

  pick<T>(from: readonly T[]): T {
    need(from.length > 0, 'nothing to pick from')
    return from[this.below(from.length)]
  }

  /** A whole number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  size(): number {
    return this.chance(this.empty) ? 0 : this.pick(SIZES)
  }

  batch(): number {
    return this.chance(this.empty) ? 0 : this.pick(BATCHES)
  }

  shape(least = 0, most = 5): number[] {
    return Array.from({ length: this.between(least, most) }, (_, d) => {
      return d === 0 && this.chance(0.3) ? this.batch() : this.size()
    })
  }

  name(prefix: string): string {
    return `${prefix}${this.#names++}`
  }

  /** A new leaf. */
  leaf(shape: Shape, options: LeafOptions = {}): Ref {
    need(sizeOf(shape) <= 2000, 'a large leaf')
    const { kind = 'any', requiresGrad = this.chance(0.75), parameter = this.chance(0.15) } = options
    const id = this.name('x')
    const own = { id, shape, kind, seed: this.below(2 ** 31), requiresGrad, parameter }
    this.at.addLeaf({ ...own, classes: options.classes, state: options.state })
    return { ref: id }
  }

  known({ ref }: Ref): Value {
    return this.at.get(ref)
  }

  /** The names of values that an operation may take. */
  candidates(fits: Fits = () => true): string[] {
    const special = new Set(this.at.leaves.filter((l) => l.state || l.kind === 'labels').map(({ id }) => id))
    return [...this.at.values.keys()].filter((id) => {
      if (special.has(id) || !fits(this.at.get(id), id)) return false
      return this.takesSpent || !this.at.isUsed(id)
    })
  }

  /** A value that fits, the later the likelier, or else a new leaf of this shape. */
  value(fits: Fits = () => true, shape: () => Shape = () => this.shape()): Ref {
    const found = this.chance(this.fresh) ? [] : this.candidates(fits)
    if (found.length === 0) return this.leaf(shape())
    return { ref: found[found.length - 1 - Math.floor(this.uniform() ** 2 * found.length)] }
  }

  /** Images [N, C, H, W]. */
  image(): Ref {
    const shape = () => [this.batch(), this.between(1, 5), this.between(1, 6), this.between(1, 6)]
    return this.value((v) => v.shape.length === 4 && v.shape.slice(1).every((s) => s > 0), shape)
  }

  /** [N, C, ...] with so many further dimensions: sequences, or volumes. */
  channels(more: number): Ref {
    const rest = () => Array.from({ length: more }, () => this.between(1, more > 1 ? 3 : 9))
    const shape = () => [this.batch(), this.between(1, 5), ...rest()]
    return this.value((v) => v.shape.length === 2 + more && v.shape.slice(1).every((s) => s > 0), shape)
  }

  /** A value from `low` to `high`: one that is there, a leaf, or one that is brought there by steps of its own. */
  within(low: number, high: number): Ref {
    const x = this.value()
    const { data } = this.known(x)
    if (data.every((v) => v >= low && v <= high)) return x
    if (low < 0) return this.step('mul', [x, 2 ** Math.floor(Math.log2(high / largestOf(this.known(x))))])
    if (this.fresh === 1) return this.leaf(this.known(x).shape, { kind: 'positive' })
    const guards: (() => Ref)[] = [
      () => this.step('add', [this.step('pow', [x, 2]), 0.5]),
      () => this.step('add', [this.step('sigmoid', [x]), 0.5]),
      () => this.step('add', [this.step('abs', [x]), 0.5]),
      () => this.step('maximum', [x, 0.5]),
    ]
    return this.pick(guards)()
  }

  /** A value, or else a leaf, that broadcasts with `x`. */
  partner(x: Ref, kind: Kind = 'any'): Ref {
    const { shape, data } = this.known(x)
    const fits = kind === 'any' || data.every((v) => v >= 0.3)
    if (fits && this.chance(0.1)) return x
    const found = this.chance(this.fresh)
      ? []
      : this.candidates((v) => {
          try {
            return sizeOf(broadcast(v.shape, shape)) <= 4000
          } catch (error) {
            if (error instanceof Invalid) return false
            throw error
          }
        })
    if (kind === 'any' && found.length > 0) return { ref: this.pick(found) }
    const missing = this.chance(0.4) ? this.below(shape.length + 1) : 0
    const ones = this.chance(0.5) ? 0.5 : 0
    const own = shape.map((s) => (this.chance(ones) ? 1 : s === 1 && this.chance(0.3) ? this.size() : s))
    const more = this.chance(0.05) ? [this.between(1, 3)] : []
    return this.leaf([...more, ...own.slice(missing)], { kind })
  }

  /** A dimension of `x`, counted from either end. */
  dim(x: Ref): number {
    const rank = Math.max(this.known(x).shape.length, 1)
    return this.below(rank) - (this.chance(0.5) ? rank : 0)
  }

  /** Options of a reduction. */
  reduction(x: Ref, several = true): { [key: string]: Arg } {
    const rank = this.known(x).shape.length
    const keepdim: { [key: string]: Arg } = this.chance(0.5) ? { keepdim: this.chance(0.8) } : {}
    if (this.chance(0.3)) return keepdim
    if (!several || rank < 2 || this.chance(0.5)) return { dim: this.dim(x), ...keepdim }
    if (rank === 4 && this.chance(0.5))
      return { dim: this.pick([[2, 3], [0, 2, 3], [-1, -2], [0]]), ...keepdim }
    const dims = this.permutation(rank).slice(0, this.between(1, rank))
    return { dim: dims.map((d) => d - (this.chance(0.3) ? rank : 0)), ...keepdim }
  }

  /** Adds a step, and gives its result. @throws {Invalid} where it may not be there */
  step(op: string, args: readonly Arg[], more: Partial<Step> = {}): Ref {
    const out = this.name('y')
    const functional = this.chance(0.3) ? { functional: true } : {}
    const readNow = this.chance(0.2) ? { readNow: true } : {}
    this.at.addStep({ out, op, args, ...functional, ...readNow, ...more })
    return { ref: out }
  }

  net(net: Net): void {
    this.at.nets.push(net)
  }

  /** What `f` gives, or undefined where it threw Invalid: then all is as it was before. */
  attempt<T>(f: () => T): T | undefined {
    const before = this.at.clone()
    try {
      return f()
    } catch (error) {
      if (!(error instanceof Invalid)) throw error
      this.at = before
      return undefined
    }
  }

  program(idle: number): Program {
    const { leaves, nets, steps } = this.at
    return { seed: this.seed, leaves, nets, steps, idle }
  }
}
