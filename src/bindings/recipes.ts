/**
 * Recipes: how the values of an operation's result are made again from what the operation read. What a user may still
 * have must stay readable, and in a synchronous loop nobody can tell whether he has it: so an idle result with a recipe
 * is dropped instead of copied, and made again, to the bit, in the rare case that somebody asks for it.
 *
 * A recipe reads recipes of the same step, and sources: storages of which there is none, such as parameters and
 * batches. Where a source is to change or goes, its values are copied for the recipes that rely on them. That costs
 * little where few bytes make many, as a net's weights do; where they don't, the recipe is void and its result copied.
 */
import type { Bytes } from '../check.js'
import { recordedBy } from './recording.js'
import { currentStep } from './steps.js'

/** As much of a storage (memory.ts) as recipes need. */
export interface Holder {
  readonly bytes: number
  /** Whether its values are somewhere, and need not be made. */
  readonly present: boolean
  /** Takes the values of another one of its size; its own recipe it needs no longer. */
  take(from: this): void
  release(): void
}

/** When a recipe is worth its while; tests have other numbers. */
export const recipeLimits = {
  /** Results of fewer bytes have none: they are copied in less time than it takes to note how they were made. */
  leastBytes: 32 << 10,
  /** A result that somebody keeps may hold so many times its size: what its step's recipes read. */
  mostHeld: 4,
  /** Copies of what recipes read are at most that part of what they make; each counts for 4 kB at least. */
  copiedPart: 1 / 8,
}

/** What the recipes of a step make and read, in bytes. */
interface Ledger {
  readonly step: number
  made: number
  /** Sources that are new in this step. */
  read: number
  copied: number
}

let ledger: Ledger = { step: 0, made: 0, read: 0, copied: 0 }

function ledgerNow(): Ledger {
  const step = currentStep()
  if (ledger.step !== step) ledger = { step, made: 0, read: 0, copied: 0 }
  return ledger
}

/** The values that a storage has now, as recipes read them: later it may change, or go. */
export class Source<S extends Holder> {
  /** Whether a result was dropped that is made of them. */
  needed = false
  /** Whether they are gone: nothing can be made of them any more. */
  lost = false
  #copy: Bytes | undefined
  readonly #ledger = ledgerNow()
  readonly #bytes: number

  /** `restore` makes a storage of a copy. */
  constructor(
    public storage: S | undefined,
    readonly restore: (copy: Bytes) => S,
  ) {
    this.#bytes = storage?.bytes ?? 0
    this.#ledger.read += this.#bytes
  }

  /** The storage is to change, or to go: `copy` gives its values as they are. */
  leave(copy: () => Bytes): void {
    const { copied, made } = this.#ledger
    const all = copied + Math.max(this.#bytes, 4096)
    if (this.needed || all <= made * recipeLimits.copiedPart) {
      this.#copy = copy()
      this.#ledger.copied = all
    } else {
      this.lost = true
    }
    this.storage = undefined
  }

  /** A new storage with the values, once the old one has others or is gone. */
  restored(): S {
    if (!this.#copy) throw new Error('the values that a recipe reads are lost')
    return this.restore(this.#copy)
  }
}

/** Whence a recipe has values. */
export type Ingredient<S extends Holder> = Source<S> | Recipe<S>

let recipes = 0

/** How the values of a storage were made. */
export class Recipe<S extends Holder> {
  readonly #ledger = ledgerNow()
  /** Its place among all: after those whose results it reads. */
  readonly #place = ++recipes
  readonly #bytes: number
  /** Whether what is behind it stays readable. */
  #relied = false
  #lost = false

  /**
   * @param storage whose values it makes; undefined once that has others, or has them elsewhere
   * @param run makes them of the ingredients' values, in a new storage
   */
  constructor(
    public storage: S | undefined,
    readonly ingredients: readonly (Ingredient<S> | undefined)[],
    readonly run: (values: readonly (S | undefined)[]) => S,
  ) {
    this.#bytes = storage?.bytes ?? 0
    this.#ledger.made += this.#bytes
  }

  /** Whether it is of the step at hand; those of other steps are no ingredients, or there would be no end of them. */
  get isOfNow(): boolean {
    return this.#ledger === ledgerNow()
  }

  /** Whether the values may be dropped; from then on they can be made at any time. */
  rely(): boolean {
    if (this.#lost || this.#bytes * recipeLimits.mostHeld < this.#ledger.read) return false
    if (this.#relied) return true
    const behind = this.#behind((recipe) => !recipe.#relied)
    for (const recipe of behind) {
      if (!recipe.#lost && !recipe.ingredients.some((one) => one instanceof Source && one.lost)) continue
      recipe.#lost = true
      this.#lost = true
      return false
    }
    for (const recipe of behind) {
      recipe.#relied = true
      for (const one of recipe.ingredients) if (one instanceof Source) one.needed = true
    }
    return true
  }

  /** Makes the values, and those of dropped ones on the way, each in the storage that had them. */
  make(): void {
    recordedBy(undefined, () => this.#make())
  }

  #make(): void {
    const order = this.#behind((recipe) => !recipe.storage?.present)
    order.sort((a, b) => a.#place - b.#place)
    /** How many are still to read a recipe's values. */
    const readers = new Map<Ingredient<S>, number>()
    for (const { ingredients } of order) {
      for (const one of ingredients) if (one) readers.set(one, (readers.get(one) ?? 0) + 1)
    }
    const values = new Map<Ingredient<S> | undefined, S>()
    /** Storages that nobody else has. */
    const own = new Set<S>()
    const release = (storage: S | undefined) => {
      if (storage && own.delete(storage)) storage.release()
    }
    try {
      for (const recipe of order) {
        const { ingredients, storage } = recipe
        for (const one of ingredients) {
          if (!one || values.has(one)) continue
          const found = one.storage ?? (one as Source<S>).restored()
          if (!one.storage) own.add(found)
          values.set(one, found)
        }
        const made = recipe.run(ingredients.map((one) => values.get(one)))
        own.add(made)
        storage?.take(made)
        if (storage) release(made)
        values.set(recipe, storage ?? made)
        for (const one of ingredients) {
          if (!one) continue
          const left = (readers.get(one) ?? 0) - 1
          readers.set(one, left)
          if (left === 0) release(values.get(one))
        }
      }
    } finally {
      for (const storage of own) storage.release()
    }
  }

  /** This one, and those behind it up to where `enters` says no. */
  #behind(enters: (recipe: Recipe<S>) => boolean): Recipe<S>[] {
    const found = new Set<Recipe<S>>([this])
    // (A set hands out what is added meanwhile, too.)
    for (const recipe of found) {
      for (const one of recipe.ingredients) if (one instanceof Recipe && enters(one)) found.add(one)
    }
    return [...found]
  }
}
