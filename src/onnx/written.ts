import type { Size, Sizes } from './formula.js'
import type { AnyStep, AnyValue } from './sizes.js'
import type { Writer } from './writer.js'

/** An operation that is to be written: its inputs' names, sizes and attributes. */
export interface Written<A = unknown> {
  readonly w: Writer
  readonly attributes: A
  readonly step: AnyStep
  /** The name of input `i`; '' where there is none. */
  in(i: number): string
  value(i: number): AnyValue
  /** The sizes of input `i`. */
  sizes(i: number): Sizes
  /** A size that must not depend on the batch. @throws {AutogradError} */
  fixed(size: Size | undefined): number
}
