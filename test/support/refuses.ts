import type { SimdgradError } from 'simdgrad'
import { expect } from 'vitest'

/** A kind of error. */
export type Kind = new (message: string) => SimdgradError

/** Checks that a call throws an error of this very kind, with this text. */
export function refuses(call: () => unknown, kind: Kind, text: string): void {
  let caught: unknown
  try {
    call()
  } catch (error) {
    caught = error
  }
  expect(caught).toBeInstanceOf(kind)
  expect((caught as Error).message).toContain(text)
}

/** A class as callers without types see it. */
export type Untyped = new (...args: unknown[]) => unknown

/** An IDX array of zeros. */
export const bytes = (shape: number[], length = shape.reduce((a, b) => a * b, 1)) => ({
  shape,
  data: new Uint8Array(length),
})
