/**
 * A program of the fuzz, as plain data: leaves, nets, and steps that name what they take. Generator, interpreter,
 * executor, printer and shrinker all read this. Values are never in it: a leaf's come from its seed.
 */
import { type Shape, sizeOf } from '../support/interpreter/value.js'

/** A leaf or a step's result, by name. */
export interface Ref {
  readonly ref: string
}

/** What a step is called with: numbers, shapes, options, and references in the place of tensors. */
export type Arg =
  | number
  | boolean
  | string
  | null
  | undefined
  | Ref
  | readonly Arg[]
  | { readonly [key: string]: Arg }

/** Which numbers a leaf has: from −2 to 2; from 0.5 to 2.5; from 0.1 to 0.9; class indices; ones; zeros. */
export type Kind = 'any' | 'positive' | 'share' | 'labels' | 'ones' | 'zeros'

export interface Leaf {
  readonly id: string
  readonly shape: Shape
  readonly kind: Kind
  readonly seed: number
  /** For labels: the number of classes. */
  readonly classes?: number
  readonly requiresGrad: boolean
  /** Made as an nn.Parameter. */
  readonly parameter?: boolean
  /** A running statistic, which the library writes in place. */
  readonly state?: boolean
}

/** A layer of a net. */
export interface Layer {
  /** Its class in `nn`, or one of the user's modules. */
  readonly name: string
  readonly args: readonly Arg[]
  /** Its parameters and buffers: field → leaf. */
  readonly tensors: { readonly [field: string]: string }
  /** For a module that keeps its input: the first part of the name, see `keptBy`. */
  readonly kept?: string
}

/** Layers in an nn.Sequential. */
export interface Net {
  readonly id: string
  readonly training: boolean
  readonly layers: readonly Layer[]
}

export interface Step {
  /** The name of the result; backward has none, and its name only marks its place. */
  readonly out: string
  /** An operation of the table, or 'sequential', 'detach', 'backward'. */
  readonly op: string
  readonly args: readonly Arg[]
  /** Which of several results is meant. */
  readonly part?: string | number
  /** For 'sequential': which net. */
  readonly net?: string
  /** Called as nn.functional's where it is a method too. */
  readonly functional?: boolean
  readonly noGrad?: boolean
  /** Its values are read at once, and not only at the end. */
  readonly readNow?: boolean
}

export interface Program {
  readonly seed: number
  readonly leaves: readonly Leaf[]
  readonly nets: readonly Net[]
  readonly steps: readonly Step[]
  /** Steps of training on something else that come before the values are read. */
  readonly idle: number
}

export function isRef(arg: unknown): arg is Ref {
  return typeof arg === 'object' && arg !== null && 'ref' in arg
}

/** The names in an argument, in their order, each as often as it is there. */
export function refsIn(arg: Arg): string[] {
  if (isRef(arg)) return [arg.ref]
  if (Array.isArray(arg)) return arg.flatMap(refsIn)
  if (typeof arg === 'object' && arg !== null) return Object.values(arg).flatMap(refsIn)
  return []
}

/**
 * What a step reads: its arguments, and its net's parameters and buffers; or only those of the layers before the
 * one that keeps its input as `upTo`.
 */
export function inputsOf(step: Step, nets: readonly Net[], upTo?: string): string[] {
  const layers = nets.find(({ id }) => id === step.net)?.layers ?? []
  const end = keptBy(step, nets).find(([name]) => name === upTo)?.[1]
  const own = layers.slice(0, end).flatMap(({ tensors }) => Object.values(tensors))
  return [...step.args.flatMap(refsIn), ...own]
}

/** What modules keep in a step: [name, number of the layer]. Another call of the net keeps something else. */
export function keptBy({ out, net }: Step, nets: readonly Net[]): [name: string, layer: number][] {
  const layers = nets.find(({ id }) => id === net)?.layers ?? []
  return layers.flatMap(({ kept }, i): [string, number][] => (kept ? [[`${kept}_${out}`, i]] : []))
}

/** The same argument with something else in the place of its references. */
export function resolve(arg: Arg, of: (id: string) => unknown): unknown {
  if (isRef(arg)) return of(arg.ref)
  if (Array.isArray(arg)) return arg.map((each) => resolve(each, of))
  if (typeof arg !== 'object' || arg === null) return arg
  return Object.fromEntries(Object.entries(arg).map(([key, each]) => [key, resolve(each, of)]))
}

/**
 * `length` numbers from −1 to 1, from a seed. The text is what a printed program has, so that it gives the same
 * numbers without this file.
 */
export const NOISE_SOURCE = `const noise = (seed, length) =>
  Array.from({ length }, (_, i) => {
    let t = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(i + 1, 0xc2b2ae35)
    t = Math.imul(t ^ (t >>> 15), 0x2c1b3c6d)
    t = Math.imul(t ^ (t >>> 12), 0x297a2d39)
    return ((t ^ (t >>> 15)) >>> 0) / 2 ** 31 - 1
  })`

export const noise = new Function(`${NOISE_SOURCE}; return noise`)() as (
  seed: number,
  length: number,
) => number[]

/** A leaf's numbers, each exact in float32: the library and the interpreter start from the same ones. */
export function valuesOf({ shape, kind, seed, classes = 1 }: Leaf): Float64Array {
  const from: Record<Kind, (v: number) => number> = {
    any: (v) => 2 * v,
    positive: (v) => v + 1.5,
    share: (v) => 0.4 * v + 0.5,
    labels: (v) => Math.floor(((v + 1) / 2) * classes),
    ones: () => 1,
    zeros: () => 0,
  }
  return Float64Array.from(noise(seed, sizeOf(shape)), (v) => Math.fround(from[kind](v)))
}
