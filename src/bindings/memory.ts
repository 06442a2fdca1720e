/** Storages: pieces of wasm memory, and the one place that reads and writes them. How long they stay there, steps.ts says. */
import type { Bytes } from '../check.js'
import { DisposedError } from '../errors.js'
import { allocate, bytes, floats } from './allocate.js'
import { instance } from './instance.js'
import type { Ingredient, Recipe, Source } from './recipes.js'
import { recorder } from './recording.js'
import { currentStep, enter, type Lifetime, leave, relieve, settle } from './steps.js'

/**
 * How the values of a tensor lie in memory: `rows` is row-major; `lanes` is batch in lanes, for activations
 * whose first dimension is the batch (see crates/bnkernels/src/lib.rs).
 */
export type Layout = 'rows' | 'lanes'

/** What a kernel takes for an array: a storage, or a part of one. */
export interface Memory {
  /** Where it begins in wasm memory. Valid until the step ends. */
  readonly address: number
  /** How many elements it has. */
  readonly length: number
  /** Counts changes in place. */
  version: number
  /** To be called before a change in place. */
  willChange(): void
}

/**
 * A piece of wasm memory that tensors share, or its copy in an ArrayBuffer while nothing uses it. It lives as
 * long as a tensor has it (`retain`, `release`) or the tape needs it for backward (`save`, `unsave`).
 */
export class Storage implements Memory {
  version = 0
  #address = 0
  #lastUsed = currentStep()
  #outside: Bytes | undefined
  /** Makes the values that it had in that version. */
  #again: { make: () => void; version: number } | undefined
  /** How its values are made again, while it has those that an operation gave it. */
  #recipe: Recipe<Storage> | undefined
  /** Its values as recipes read them. */
  #source: Source<Storage> | undefined
  #owners = 1
  #saves = 0
  /** Who needs it to stay where it is. */
  #pins = 0
  #lifetime: Lifetime
  readonly #elementBytes: 1 | 4

  /** `length` uninitialised elements. @throws {OutOfMemoryError} */
  constructor(
    readonly length: number,
    readonly layout: Layout = 'rows',
    lifetime: Lifetime = 'temporary',
    elementBytes: 1 | 4 = 4,
  ) {
    this.#elementBytes = elementBytes
    this.#lifetime = lifetime
    this.#enter()
    recorder?.makes(this)
  }

  /** Whether it was made to stay. */
  get isLeaf(): boolean {
    return this.#lifetime === 'leaf'
  }

  /** It was made in a step, and is there to stay after all: a user makes his data of it. */
  stay(): void {
    if (this.isLeaf) return
    void this.address
    this.#lifetime = 'leaf'
    // When idle it is copied: what it was gathered from (all of MNIST) need not come back for it.
    this.#again = undefined
    settle(this)
  }

  /** Its size in bytes. */
  get bytes(): number {
    return this.length * this.#elementBytes
  }

  /** Where it lies in wasm memory: moved back in if need be. Valid until the step ends. */
  get address(): number {
    this.#lastUsed = currentStep()
    if (this.#address === 0) {
      this.#checkAlive()
      this.#moveIn()
    }
    recorder?.asks(this, this.#address)
    return this.#address
  }

  get idleSteps(): number {
    return this.#pins > 0 ? 0 : currentStep() - this.#lastUsed
  }

  get resident(): boolean {
    return this.#address !== 0
  }

  /** Whether its values are here or outside, and not dropped. */
  get present(): boolean {
    return this.resident || this.#outside !== undefined
  }

  /** Whether a single tensor has it, and the tape not. */
  get exclusive(): boolean {
    return this.#owners === 1 && this.#saves === 0
  }

  get disposed(): boolean {
    return this.#owners + this.#saves === 0
  }

  /** A copy of its bytes, without moving it in. */
  copyOut(): Bytes {
    recorder?.reads(this)
    return this.#copyOut()
  }

  #copyOut(): Bytes {
    this.#checkAlive()
    return this.#copy()
  }

  #copy(): Bytes {
    if (this.#outside) return this.#outside.slice()
    if (!this.resident) this.#moveIn()
    // A slice of an array on shared memory lies in memory of its own; it is not filled with zeros first.
    return bytes().slice(this.#address, this.#address + this.bytes) as Bytes
  }

  /** The float at `index`, without moving it in. */
  readFloat(index: number): number {
    recorder?.reads(this)
    this.#checkAlive()
    const outside = this.#outside
    if (!outside && !this.resident) this.#moveIn()
    return outside ? new Float32Array(outside.buffer)[index] : floats()[this.#address / 4 + index]
  }

  /** Overwrites the float at `index`. */
  writeFloat(index: number, value: number): void {
    recorder?.writes(this)
    this.willChange()
    // The address first: moving in may make the memory grow.
    const { address } = this
    floats()[address / 4 + index] = value
    this.version++
  }

  /** Overwrites all of it with these elements. */
  write(values: ArrayLike<number>, as: 'f32' | 'u32' | 'u8' = 'f32'): void {
    recorder?.writes(this)
    this.willChange()
    // The address first: moving in may make the memory grow.
    const { address } = this
    const { buffer } = instance().memory
    const View = { f32: Float32Array, u32: Uint32Array, u8: Uint8Array }[as]
    new View(buffer, address, this.length).set(values)
    this.version++
  }

  /** One more tensor has it. */
  retain(): this {
    this.#checkAlive()
    this.#owners++
    return this
  }

  /** One tensor fewer has it. */
  release(): void {
    this.#owners--
    if (this.disposed) this.#free()
  }

  /** As `release`, by a user who wants the memory back now: what the tape has saved goes too. */
  dispose(): void {
    this.#owners--
    if (this.#owners > 0) return
    this.#saves = 0
    this.#free()
  }

  /** The tape needs it. */
  save(): this {
    this.#checkAlive()
    this.#saves++
    return this
  }

  /** The tape needs it no longer. */
  unsave(): void {
    // A user's `dispose` may have come first.
    if (this.#saves === 0) return
    this.#saves--
    if (this.disposed) this.#free()
  }

  /** Somebody needs it to stay where it is in wasm memory, even when no tensor has it any more. */
  pin(): this {
    // What a compiled step does to it, nobody hears of.
    this.willChange()
    void this.address
    this.#pins++
    return this
  }

  /** One fewer needs it there. */
  unpin(): void {
    this.#pins--
    if (this.disposed) this.#free()
  }

  /**
   * Tells how the values that it has now can be made again: when idle they are then dropped, and not copied.
   * (A batch of images is most of what a step makes, and nobody looks at it twice.)
   *
   * @param make writes them to this storage, from what never changes
   */
  makeAgainBy(make: () => void): void {
    this.#again = { make, version: this.version }
  }

  /** Gives the way in which the values that it has now are made again, where somebody asks for idle ones. */
  makeAgainFrom(recipe: Recipe<Storage>): void {
    this.#recipe = recipe
  }

  /** Its values as a recipe of this step reads them; undefined where they may change unnoticed. */
  ingredient(Values: typeof Source): Ingredient<Storage> | undefined {
    if (this.#pins > 0) return undefined
    if (this.#recipe?.isOfNow) return this.#recipe
    // (An operation may not have looked at an input.)
    this.#leaveRecipe()
    this.#source ??= new Values<Storage>(this, (copy) => this.#like(copy))
    return this.#source
  }

  /** To be called before its values change: those who rely on them get a copy. */
  willChange(): void {
    if (this.#source) this.#endSource()
    this.#leaveRecipe()
  }

  /** Needs its recipe no longer: has its values. */
  #leaveRecipe(): void {
    if (!this.#recipe) return
    if (!this.present) this.#moveIn()
    this.#forgetRecipe()
  }

  #endSource(): void {
    this.#source?.leave(() => this.#copy())
    this.#source = undefined
  }

  #forgetRecipe(): void {
    if (this.#recipe) this.#recipe.storage = undefined
    this.#recipe = undefined
  }

  /** Takes the values that its recipe has made. */
  take(from: Storage): void {
    const { address } = from
    this.#enter()
    this.#lastUsed = currentStep()
    bytes().copyWithin(this.#address, address, address + this.bytes)
    this.#forgetRecipe()
  }

  /** A new one of its size, with the values of a copy. */
  #like(copy: Bytes): Storage {
    const storage = new Storage(this.length, this.layout, 'temporary', this.#elementBytes)
    bytes().set(copy, storage.address)
    return storage
  }

  moveOut(): void {
    if (!this.#canBeMade()) {
      this.#outside = this.#copyOut()
      this.#forgetRecipe()
    }
    this.#leave()
  }

  /** Whether its values can be made again; not those that a backward to come reads, and waits for. */
  #canBeMade(): boolean {
    if (this.#again?.version === this.version) return true
    return this.#saves === 0 && (this.#recipe?.rely() ?? false)
  }

  #moveIn(): void {
    const outside = this.#outside
    if (!outside && this.#recipe) {
      this.#recipe.make()
      return
    }
    if (!outside && !this.#again) throw new DisposedError('a storage has lost its values')
    this.#enter()
    if (outside) bytes().set(outside, this.#address)
    else this.#makeAgain()
    this.#outside = undefined
  }

  #makeAgain(): void {
    const { version } = this
    // The values are the same: what remembers the version need not mind, nor who reads them.
    const source = this.#source
    this.#source = undefined
    try {
      this.#again?.make()
    } catch (error) {
      this.#leave()
      throw error
    } finally {
      this.#source = source
    }
    this.version = version
    // Who asked for it once may do so each epoch, as of a data set: from now on it is copied, and what it was gathered
    // from (all of MNIST) need not come back for it.
    this.#again = undefined
  }

  #enter(): void {
    const size = this.bytes
    this.#address = allocate(size, relieve)
    enter(this, this.#lifetime)
  }

  #leave(): void {
    if (this.#address === 0 || this.#pins > 0) return
    instance().kernels.release(this.#address, this.bytes)
    this.#address = 0
    leave(this)
  }

  #free(): void {
    if (this.#source) this.#endSource()
    this.#forgetRecipe()
    this.#outside = undefined
    this.#again = undefined
    this.#leave()
  }

  #checkAlive(): void {
    if (this.disposed && this.#pins === 0) {
      throw new DisposedError(
        'this tensor was disposed of; use it before dispose(), or keep a copy (toFloat32Array)',
      )
    }
  }
}
