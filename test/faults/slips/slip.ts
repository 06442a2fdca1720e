/**
 * Slips: calls that can't be right, as users make them. A row has the public name, the arguments, and what the message
 * says was expected. Arguments that need the library are `Made`, so that rows can be listed before it is ready.
 */
import * as simdgrad from 'simdgrad'
import { nn, ones, type Tensor } from 'simdgrad'

type ErrorClass = abstract new (...args: never[]) => Error

/** An argument that is made when it is needed, and how it is shown. */
export class Made {
  constructor(
    readonly text: string,
    readonly make: () => unknown,
  ) {}
}

/** A tensor of ones of that shape. */
export const t = (...shape: number[]) => new Made(`tensor[${shape}]`, () => ones(shape))

/** Something else, shown as the text says. */
export const made = (text: string, make: () => unknown) => new Made(text, make)

/** Layers that rows use again and again. */
export const linear = made('Linear(2, 3)', () => new nn.Linear(2, 3))
export const parameters = made('net.parameters()', () => new nn.Linear(2, 3).parameters())

/** How a slip is told. */
export interface Expected {
  /** The class of the error; default: any of ours. */
  error?: ErrorClass
  /** What the message must name; default: the function, or the layer of a `forward`. */
  names?: RegExp
}

/** A public name (`cat`, `Tensor.add`, `nn.Linear`, `nn.Linear.forward`), arguments, and what the message says. */
export type Slip = readonly [of: string, args: readonly unknown[], expects: RegExp, expected?: Expected]

/** A call as a user would write it. */
export function textOf([of, args]: Slip): string {
  const method = isMethod(of)
  const shown = (method ? args.slice(1) : args).map(show).join(', ')
  return method ? `${show(args[0])}.${lastOf(of)}(${shown})` : `${of}(${shown})`
}

function show(value: unknown): string {
  if (value instanceof Made) return value.text
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (typeof value === 'function') return value.toString()
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return `'${value}'`
  if (typeof value !== 'object' || value === null) return String(value)
  if (ArrayBuffer.isView(value)) return `new ${value.constructor.name}(…)`
  const entries = Object.entries(value).map(([key, each]) => `${key}: ${show(each)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}

/** What the message of a slip must name. */
export function nameOf([of, , , expected]: Slip): RegExp {
  const name = of
    .replace(/\.forward$/, '')
    .split('.')
    .at(-1)
  return expected?.names ?? new RegExp(`\\b${name}\\b`, 'i')
}

const lastOf = (of: string) => of.split('.').at(-1) ?? of
const isMethod = (of: string) =>
  /^(Tensor|(nn|optim|data|metrics|callbacks)\.([a-z]\w*\.)?[A-Z]\w*)\.\w+$/.test(of)

function resolve(value: unknown): unknown {
  if (value instanceof Made) return value.make()
  if (Array.isArray(value)) return value.map(resolve)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolve(each)]))
}

/** Makes the call; gives what it gives, a promise where it is asynchronous. */
export function run([of, args]: Slip): unknown {
  const [first, ...rest] = args.map(resolve)
  if (isMethod(of)) {
    const method: unknown = Reflect.get(first as Tensor, lastOf(of))
    if (typeof method !== 'function') throw new Error(`there is no ${of}`)
    return Reflect.apply(method, first, rest)
  }
  const found = lookUp(of)
  const all = args.length === 0 ? [] : [first, ...rest]
  return isClass(found) ? Reflect.construct(found, all) : Reflect.apply(found, undefined, all)
}

type Callable = (...args: never[]) => unknown

function lookUp(of: string): Callable {
  let found: unknown = simdgrad
  for (const part of of.split('.')) found = Reflect.get(found as object, part)
  if (typeof found !== 'function') throw new Error(`there is no ${of}`)
  return found as Callable
}

/** Whether a function is to be called with `new`. */
export function isClass(value: Callable): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value))
}
