/** What an optimiser's options are: their defaults, what they may be, and what is kept of each parameter. */
import { checkBoolean, checkNumber, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'

/** One option: its default, and a check of what a user gives. */
export interface Option<T> {
  readonly initial: T
  /** @throws {ArgumentError} that says `who` asks for `what` */
  check(who: string, what: string, value: unknown): void
}

/** All options of an optimiser. */
export type OptionsOf<O> = { readonly [K in keyof O]-?: Option<O[K]> }

/** What an optimiser declares; Optimizer does the rest. */
export interface Definition<O> {
  readonly name: string
  readonly options: OptionsOf<O>
  /** What options must be together. @throws {ArgumentError} */
  check?(who: string, options: O): void
  /** What is kept of a parameter, by PyTorch's names: a tensor of its shape, a scalar tensor, or a number. */
  readonly state: Readonly<Record<string, 'tensor' | 'scalar' | 'number'>>
  /** What of it a step with these options must have of an earlier one. */
  needs(options: O): readonly string[]
  /** What PyTorch's groups have besides, and is always so here. */
  readonly constants?: Readonly<Record<string, boolean>>
}

const NOT_NEGATIVE = { least: 0 }
const BELOW_ONE = { least: 0, below: 1 }

/** A number of at least 0. */
export function notNegative(initial: number): Option<number> {
  return { initial, check: (who, what, value) => checkNumber(who, what, value, NOT_NEGATIVE) }
}

/** True or false. */
export function flag(initial: boolean): Option<boolean> {
  return { initial, check: checkBoolean }
}

/** Decay of the running means of the gradient and of its square. */
export const betas: Option<readonly [number, number]> = {
  initial: [0.9, 0.999],
  check(who, what, value) {
    if (!Array.isArray(value) || value.length !== 2) {
      throw new ArgumentError(`${who}: ${what} are two numbers, such as [0.9, 0.999], got ${kindOf(value)}`)
    }
    checkNumber(who, 'betas: each', value[0], BELOW_ONE)
    checkNumber(who, 'betas: each', value[1], BELOW_ONE)
  },
}

/** The names of an optimiser's options. */
export function namesOf<O>({ options }: Definition<O>): (keyof O & string)[] {
  return Object.keys(options) as (keyof O & string)[]
}

/** `given`, and the defaults for what is left out. */
export function completed<O>(definition: Definition<O>, given: Partial<O>, defaults?: O): O {
  const all = namesOf(definition).map((name) => {
    const { initial } = definition.options[name]
    const value = given[name] ?? defaults?.[name] ?? initial
    // Each has a pair of its own.
    return [name, copied(value)]
  })
  return Object.fromEntries(all) as O
}

/** @throws {ArgumentError} for an option out of range */
export function checkValues<O>(definition: Definition<O>, who: string, options: O): void {
  for (const name in definition.options) definition.options[name].check(who, name, options[name])
  definition.check?.(who, options)
}

/** The value of an option, which may be a pair: of the group's own. */
export const copied = <V>(value: V): V => (Array.isArray(value) ? ([...value] as V) : value)
