/**
 * A net as a list of calls of plain functions (kernels.ts), on arrays in row-major order: what both languages are
 * written from. Arrays lie in one memory, whose places are given again when nobody reads them any more.
 */
import { ArgumentError } from '../errors.js'
import { type Shape, sizeOf } from '../tensor/shape.js'

/** Values that are computed, or that the file has. */
export interface Value {
  readonly shape: Shape
  /** What the file has. */
  readonly constant?: Constant
  /** Where they are while it runs. */
  readonly buffer?: Buffer
}

/** Numbers that the file has. */
export interface Constant {
  readonly values: Float32Array
  /** The same, where a kernel takes them so. */
  int8?: Int8
}

/** Whole numbers from −127 to 127, and what those of each channel are multiplied by. */
export interface Int8 {
  readonly values: Int8Array
  readonly scales: Constant
  readonly channels: Channels
}

/** A part of the memory, an input or a result. */
export interface Buffer {
  readonly size: number
  /** Its parameter's name, where the caller has it. */
  parameter?: string
}

/** What a function is called with; null stands for an array that is not there. */
export type Argument =
  | { readonly read: Value | null }
  | { readonly write: Value }
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly int8: Constant }

/** A call. */
export interface Step {
  readonly kernel: string
  readonly args: readonly Argument[]
}

/** An operation whose inputs and result have their values. */
export interface Lowered {
  readonly name: string
  readonly attributes: unknown
  readonly inputs: readonly (Value | undefined)[]
  /** The inputs that are there. */
  readonly given: readonly Value[]
  readonly y: Value
  /** Who asks, for errors. */
  readonly by: string
}

export const read = (value: Value | null | undefined): Argument => ({ read: value ?? null })
export const write = (value: Value): Argument => ({ write: value })
export const int = (value: number): Argument => ({ int: value })
export const float = (value: number): Argument => ({ float: value })
export const ints = (values: readonly number[]): Argument => ({ ints: values })

/** The channels that have a scale of their own, and of which each weight is. */
export interface Channels {
  readonly count: number
  of(i: number): number
}

/** Those of a weight whose first dimension they are. */
export function rowsOf({ shape: [count, ...rest] }: Value): Channels {
  const size = sizeOf(rest)
  return { count, of: (i) => Math.floor(i / size) }
}

/** Whole numbers from −127 to 127 of the largest of their channel: w ≈ scale · q, symmetric (Jacob et al., 2017). */
function quantised(values: Float32Array, channels: Channels): Int8 {
  const scales = new Float32Array(channels.count)
  for (const [i, w] of values.entries()) {
    const c = channels.of(i)
    scales[c] = Math.max(scales[c], Math.abs(w))
  }
  for (const [c, largest] of scales.entries()) scales[c] = largest / 127
  const whole = Int8Array.from(values, (w, i) => {
    const scale = scales[channels.of(i)]
    return scale > 0 ? Math.round(w / scale) : 0
  })
  return { values: whole, scales: { values: scales }, channels }
}

/** A list that is being written. */
export class Program {
  readonly steps: Step[] = []
  readonly inputs: Value[] = []
  readonly outputs: Value[] = []

  constructor(readonly int8: boolean) {}

  call(kernel: string, ...args: Argument[]): void {
    this.steps.push({ kernel, args })
  }

  /** Room for values of a shape. */
  buffer(shape: Shape, parameter?: string): Value {
    const size = sizeOf(shape)
    return { shape, buffer: parameter === undefined ? { size } : { size, parameter } }
  }

  /** The arguments of a weight: itself, or its whole numbers and scales (the kernel's name then ends in `_int8`). */
  weight(value: Value, channels: Channels): { suffix: string; args: Argument[] } {
    const { constant } = value
    if (!this.int8 || !constant) return { suffix: '', args: [read(value)] }
    const int8 = constant.int8 ?? quantised(constant.values, channels)
    constant.int8 = int8
    return {
      suffix: '_int8',
      args: [{ int8: constant }, read({ shape: [channels.count], constant: int8.scales })],
    }
  }

  /** The place of each buffer in the memory, and its size in floats. */
  plan(): { places: Map<Buffer, number>; size: number } {
    const spans = new Map<Buffer, { first: number; last: number }>()
    for (const [i, { args }] of this.steps.entries()) {
      for (const arg of args) {
        const buffer = 'read' in arg ? arg.read?.buffer : 'write' in arg ? arg.write.buffer : undefined
        if (!buffer || buffer.parameter !== undefined) continue
        const span = spans.get(buffer)
        if (span) span.last = i
        else spans.set(buffer, { first: i, last: i })
      }
    }
    const places = new Map<Buffer, number>()
    let size = 0
    // The largest first; each at the lowest place where nothing lies at the same time.
    for (const [buffer, { first, last }] of [...spans].sort(([a], [b]) => b.size - a.size)) {
      const beside = [...places]
        .filter(([other]) => {
          const span = spans.get(other)
          return span && span.first <= last && first <= span.last
        })
        .map(([other, place]) => ({ from: place, to: place + other.size }))
        .sort((a, b) => a.from - b.from)
      let at = 0
      for (const { from, to } of beside) if (at + buffer.size > from) at = Math.max(at, to)
      places.set(buffer, at)
      size = Math.max(size, at + buffer.size)
    }
    return { places, size }
  }
}

/** Dimensions that loops go over at most. */
const RANK = 6

/** A shape with as many sizes of 1 in front as there are loops. @throws {ArgumentError} for more dimensions */
export function padded(name: string, values: readonly number[], filler: number): number[] {
  if (values.length > RANK) {
    throw new ArgumentError(
      `${name}: an operation of ${values.length} dimensions has no form in a file; ${RANK} at most`,
    )
  }
  return [...Array<number>(RANK - values.length).fill(filler), ...values]
}

/** Where each element of a shape begins that lies by these strides, in row-major order. */
export function startsOf(shape: Shape, strides: readonly number[]): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, e) => {
    let [rest, start] = [e, 0]
    for (let d = shape.length - 1; d >= 0; d--) {
      start += (rest % shape[d]) * strides[d]
      rest = Math.floor(rest / shape[d])
    }
    return start
  })
}
