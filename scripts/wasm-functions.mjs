// The functions of a WebAssembly binary, and the same binary with its functions in another order. Functions are named
// by their place, so each place that names one is rewritten: exports, the table, and calls, for which all instructions
// are read. Nothing else is changed.
import { END, passInstruction, Reader } from './wasm-instructions.mjs'

/** The ids of the sections that matter; others are handed on. */
const SECTION = { custom: 0, import: 2, function: 3, global: 6, export: 7, start: 8, element: 9, code: 10 }
const KIND = { function: 0, memory: 2, global: 3 }

/** @param {number} value */
function encoded(value) {
  const bytes = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128)
  return Uint8Array.of(...bytes, value)
}

/**
 * The places up to `end` that name a function, each where its number begins.
 *
 * @param {Reader} reader
 * @param {number} end
 */
function calls(reader, end) {
  const places = []
  let last = reader.at
  while (reader.at < end) {
    last = reader.at
    const place = passInstruction(reader)
    if (place !== undefined) places.push(place)
  }
  if (last !== end - 1 || reader.bytes[last] !== END) throw new Error(`no function ends at byte ${end}`)
  return places
}

/**
 * A part of the binary, with the places that name a function.
 *
 * @typedef {{ start: number, end: number, places: number[] }} Part
 */

/**
 * Goes past an expression of constants, which may name functions.
 *
 * @param {Reader} reader
 * @param {number[]} places where it does
 */
function passConstant(reader, places) {
  while (reader.bytes[reader.at] !== END) {
    const place = passInstruction(reader)
    if (place !== undefined) places.push(place)
  }
  reader.byte()
}

/**
 * Finds the functions of a binary, and all places that name one.
 *
 * @param {Uint8Array} bytes a binary without custom sections
 */
export function readFunctions(bytes) {
  const file = new Reader(bytes)
  file.skip(8)
  let imported = 0
  /** @type {{ id: number, part: Part }[]} */
  const sections = []
  /** @type {Part[]} */
  const types = []
  /** @type {Part[]} */
  const functions = []
  /** How one entry is read. @type {Record<number, (reader: Reader, places: number[]) => void>} */
  const entry = {
    [SECTION.import]: (reader) => {
      for (let name = 0; name < 2; name++) reader.skip(reader.number())
      const kind = reader.byte()
      if (kind === KIND.function) {
        imported++
        reader.number()
      } else if (kind === KIND.global) reader.skip(2)
      else if (kind === KIND.memory) reader.numbers(1 + (reader.byte() & 1))
      else throw new Error(`an import of a kind that is not known, ${kind}`)
    },
    [SECTION.function]: (reader) => {
      const start = reader.at
      reader.number()
      types.push({ start, end: reader.at, places: [] })
    },
    [SECTION.global]: (reader, places) => {
      reader.skip(2)
      passConstant(reader, places)
    },
    [SECTION.export]: (reader, places) => {
      reader.skip(reader.number())
      if (reader.byte() === KIND.function) places.push(reader.at)
      reader.number()
    },
    [SECTION.element]: (reader, places) => {
      if (reader.number() !== 0) throw new Error('elements of a kind that is not known')
      passConstant(reader, places)
      for (let count = reader.number(); count > 0; count--) {
        places.push(reader.at)
        reader.number()
      }
    },
    [SECTION.code]: (reader) => {
      const size = reader.number()
      const start = reader.at
      for (let locals = reader.number(); locals > 0; locals--) reader.numbers(2)
      functions.push({ start, end: start + size, places: calls(reader, start + size) })
    },
  }
  while (file.at < bytes.length) {
    const id = file.byte()
    if (id === SECTION.custom) throw new Error('names and the like are to be taken out before')
    const size = file.number()
    const part = { start: file.at, end: file.at + size, places: /** @type {number[]} */ ([]) }
    file.skip(size)
    sections.push({ id, part })
    if (id === SECTION.start) part.places.push(part.start)
    if (!entry[id]) continue
    const reader = new Reader(bytes, part.start, part.end)
    for (let left = reader.number(); left > 0; left--) entry[id](reader, part.places)
    if (reader.at !== part.end) throw new Error(`section ${id} does not end where it says`)
  }
  return { imported, sections, types, functions }
}

/**
 * The same binary with its functions in another order.
 *
 * @param {Uint8Array} bytes
 * @param {ReturnType<typeof readFunctions>} binary what was read from it
 * @param {number[]} order which function comes first, which second, …
 */
export function withFunctionsIn(bytes, { imported, sections, types, functions }, order) {
  /** @type {number[]} */
  const placeOf = []
  order.forEach((old, now) => {
    placeOf[old] = now
  })
  /** @param {Part} part */
  const rewritten = ({ start, end, places }) => {
    const pieces = []
    let at = start
    for (const place of places) {
      const reader = new Reader(bytes, place)
      const old = reader.number()
      const now = old < imported ? old : placeOf[old - imported] + imported
      pieces.push(bytes.subarray(at, place), encoded(now))
      at = reader.at
    }
    return Buffer.concat([...pieces, bytes.subarray(at, end)])
  }
  const pieces = [bytes.subarray(0, 8)]
  for (const { id, part } of sections) {
    let content = rewritten(part)
    if (id === SECTION.function) {
      content = Buffer.concat([encoded(order.length), ...order.map((old) => rewritten(types[old]))])
    } else if (id === SECTION.code) {
      const bodies = order.map((old) => rewritten(functions[old]))
      content = Buffer.concat([
        encoded(order.length),
        ...bodies.flatMap((body) => [encoded(body.length), body]),
      ])
    }
    pieces.push(Uint8Array.of(id), encoded(content.length), content)
  }
  return Buffer.concat(pieces)
}
