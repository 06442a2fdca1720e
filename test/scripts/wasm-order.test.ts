/** The order of functions in the binaries: nothing but the order changes, and gzip finds more repeats. */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readFunctions, withFunctionsIn } from '../../scripts/wasm-functions.mjs'
import { orderFunctions } from '../../scripts/wasm-order.mjs'

/** A section, or the body of a function. */
const sized = (...bytes: number[]) => [bytes.length, ...bytes]
const section = (id: number, ...bytes: number[]) => [id, ...sized(...bytes)]
const letter = (name: string) => [1, name.charCodeAt(0)]
const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/**
 * Imports `m.m`, function 0. Exports `a`: 1 + g() + the table's second, `b`: 10, and a global. Function 1 is `a`, 2 is g:
 * 100 + b(), 3 is `b`, 4 has constants whose bytes look like calls, 5 is what it starts with, m().
 */
const SMALL = Uint8Array.from([
  ...head,
  ...section(1, 2, 0x60, 0, 1, 0x7f, 0x60, 0, 0),
  ...section(2, 1, ...letter('m'), ...letter('m'), 0, 1),
  ...section(3, 5, 0, 0, 0, 0, 1),
  ...section(4, 1, 0x70, 0, 2),
  ...section(6, 1, 0x7f, 0, 0x41, 7, 0x0b),
  ...section(7, 3, ...letter('a'), 0, 1, ...letter('b'), 0, 3, ...letter('c'), 3, 0),
  ...section(8, 5),
  ...section(9, 1, 0, 0x41, 0, 0x0b, 2, 3, 4),
  ...section(
    10,
    5,
    ...sized(0, 0x41, 1, 0x10, 2, 0x6a, 0x41, 1, 0x11, 0, 0, 0x6a, 0x0b),
    ...sized(0, 0x41, 0xe4, 0, 0x10, 3, 0x6a, 0x0b),
    ...sized(0, 0x41, 10, 0x0b),
    // A vector of sixteen bytes 0x10 is made and dropped.
    ...sized(0, 0xfd, 12, ...Array(16).fill(0x10), 0x1a, 0x41, 0x90, 0x20, 0x0b),
    ...sized(0, 0x10, 0, 0x0b),
  ),
])

async function run(bytes: Uint8Array) {
  let started = 0
  const { instance } = await WebAssembly.instantiate(Uint8Array.from(bytes), { m: { m: () => started++ } })
  const { a, b, c } = instance.exports as { a(): number; b(): number; c: WebAssembly.Global }
  return { a: a(), b: b(), c: c.value, started }
}

const core = readFileSync(new URL('../../src/bindings/wasm/strict-shared-core.wasm', import.meta.url))
const reordered = (bytes: Uint8Array, place: (i: number, count: number) => number) => {
  const read = readFunctions(bytes)
  const { length } = read.functions
  return withFunctionsIn(
    bytes,
    read,
    read.functions.map((_, i) => place(i, length)),
  )
}

describe('withFunctionsIn', () => {
  it('a module does the same with its functions in any order', async () => {
    const before = await run(SMALL)
    expect(before).toEqual({ a: 1 + 110 + 0x1010, b: 10, c: 7, started: 1 })
    for (let turn = 0; turn < 5; turn++) {
      const other = reordered(SMALL, (i) => (i * 3 + turn) % 5)
      expect(other.equals(SMALL)).toBe(false)
      expect(await run(other)).toEqual(before)
    }
  })

  it('one of our binaries is valid in reverse, and in reverse twice as it was', () => {
    const last = (i: number, count: number) => count - 1 - i
    const reversed = reordered(core, last)
    expect(reversed.equals(core)).toBe(false)
    expect(WebAssembly.validate(Uint8Array.from(reversed))).toBe(true)
    expect(reordered(reversed, last).equals(core)).toBe(true)
  })
})

describe('readFunctions', () => {
  const withBody = (...body: number[]) =>
    Uint8Array.from([...head, ...section(10, 1, ...sized(0, ...body, 0x0b))])

  it('refuses what it does not know', () => {
    expect(readFunctions(withBody(0x41, 1)).functions).toHaveLength(1)
    expect(() => readFunctions(withBody(0x06, 0x40))).toThrow(/no instruction that is known: 6/)
    expect(() => readFunctions(withBody(0xfd, 0xff, 0x7f))).toThrow(
      /no instruction that is known: 253, 16383/,
    )
    expect(() => readFunctions(withBody(0x41))).toThrow(/no function ends/)
    expect(() => readFunctions(Uint8Array.from([...head, ...section(0, 1, 65)]))).toThrow(/taken out before/)
    expect(() => readFunctions(core.subarray(0, -1))).toThrow(/ends too early/)
    // Elements that are expressions.
    expect(() => readFunctions(Uint8Array.from([...head, ...section(9, 1, 4, 0x41, 0, 0x0b, 0)]))).toThrow(
      /elements of a kind/,
    )
  })
})

describe('orderFunctions', () => {
  const size = (bytes: Uint8Array) => gzipSync(bytes, { level: 9 }).length

  it('puts like beside like: at least 3 % less than by size', () => {
    const read = readFunctions(core)
    const bySize = read.functions
      .map(({ start, end }, i) => [end - start, i])
      .sort(([a], [b]) => b - a)
      .map(([, i]) => i)
    const ordered = orderFunctions(core)
    expect(size(ordered)).toBeLessThan(0.97 * size(withFunctionsIn(core, read, bySize)))
    expect(ordered.length).toBeLessThan(1.01 * core.length)
    expect(WebAssembly.validate(Uint8Array.from(ordered))).toBe(true)
  })

  it('a module without functions stays', () => {
    const empty = Uint8Array.from(head)
    expect(orderFunctions(empty).equals(empty)).toBe(true)
  })
})
