/** Rows that run elementwise rows block by block: what stands in them (crates/bnkernels/src/exports/steps.rs). */
import type { Place, Row } from './recorded.js'
import type { Storage } from './recording.js'
import { CHAINS } from './rows.generated.js'

/** Elementwise kernels; the arrays of each are of one length, or a number that is repeated. */
const ELEMENTWISE = new Set([
  'unaryForward',
  'unaryBackward',
  'unaryWithSlope',
  'binary',
  'accumulate',
  'powForward',
  'powBackward',
])
/** The word of `binary` in which its rank stands: the shape and two lists of strides follow. */
const RANK = 9
const MOST_STEPS = 16
const MOST_TEMPORARIES = 16

/** An elementwise row, to be run over one block after the other. */
export interface Step {
  readonly words: readonly number[]
  readonly places: readonly Place[]
  /** The words of arrays of which each block has its part; others stay as they are. */
  readonly moving: ReadonlySet<number>
  /** The words that have the length, beside those of the arrays. */
  readonly lengths: readonly number[]
}

const written = ({ places }: { places: readonly Place[] }) => places.filter((place) => place.written)

/** What writes to what it reads. */
export const UPDATES = new Set(['accumulate', 'unaryWithSlope'])

/** All of a storage. */
const isWhole = ({ words }: Row, { word, storage, delta }: Place) =>
  delta === 0 && words[word + 1] * 4 === storage.bytes

/** How many floats a row computes, element by element; undefined where it does something else, or has fewer. */
export function elementsOf(row: Row, fewest: number): number | undefined {
  if (!ELEMENTWISE.has(row.name) || row.live || row.accepts) return undefined
  const [output] = written(row)
  const n = row.words[output.word + 1]
  const isFull = ({ word }: Place) => row.words[word + 1] === n
  // (What is read may be a part of what is larger, and which no row of the chain can write.)
  const isSound = (place: Place) => isWhole(row, place) || (!place.written && isFull(place))
  if (n < fewest || !row.places.every(isSound)) return undefined
  if (row.name !== 'binary') return row.places.every(isFull) ? n : undefined
  const rank = row.words[RANK]
  const list = (i: number) => [...row.words.subarray(RANK + 1 + i * rank, RANK + 1 + (i + 1) * rank)]
  const shape = list(0)
  const isDense = (strides: readonly number[]) => {
    let size = 1
    for (let d = rank - 1; d >= 0; size *= shape[d--]) if (shape[d] !== 1 && strides[d] !== size) return false
    return size === n
  }
  const fits = (place: Place, strides: readonly number[]) =>
    isFull(place)
      ? isDense(strides)
      : row.words[place.word + 1] === 1 && strides.every((stride) => stride === 0)
  const [a, b] = row.places
  return row.places.length === 3 && fits(a, list(1)) && fits(b, list(2)) ? n : undefined
}

/** The step of a row that `elementsOf` knows. */
export function stepOf(row: Row, n: number): Step {
  const moving = new Set(row.places.filter(({ word }) => row.words[word + 1] === n).map(({ word }) => word))
  if (row.name !== 'binary') return { words: [...row.words], places: row.places, moving, lengths: [] }
  const strides = row.places.slice(0, 2).map(({ word }) => Number(moving.has(word)))
  const words = [...row.words.subarray(0, RANK), 1, n, ...strides]
  return { words, places: row.places, moving, lengths: [RANK + 1] }
}

/** Temporaries: which storage is in which. */
type Temporaries = Map<Storage, number>

/** Whether the steps are few enough for a row. */
export const fit = (steps: number, temporaries: number): boolean =>
  steps <= MOST_STEPS && temporaries <= MOST_TEMPORARIES

/**
 * A row that begins with `head`, at whose words the `places` are, and ends with steps.
 *
 * @param temporaries storages that are only there for a block
 */
function withSteps(
  name: keyof typeof CHAINS,
  head: readonly number[],
  headPlaces: readonly Place[],
  steps: readonly Step[],
  temporaries: Temporaries,
): Row {
  const words = [CHAINS[name], 0, ...head]
  const places = [...headPlaces]
  const start = words.length
  words.push(0, Math.max(...temporaries.values(), -1) + 1, steps.length)
  for (const step of steps) {
    words.push(step.words.length, step.moving.size, step.lengths.length, ...step.moving, ...step.lengths)
    const at = words.length
    words.push(...step.words)
    for (const { word, storage, delta, written } of step.places) {
      const temporary = temporaries.get(storage)
      if (temporary === undefined) places.push({ word: at + word, storage, delta, written })
      else words[at + word] = -1 - temporary
    }
  }
  words[start] = words.length - start
  return { words: Float64Array.from(words), places, name, live: false }
}

/** The steps over arrays of `n` floats. */
export const chainRow = (n: number, steps: readonly Step[], temporaries: Temporaries): Row =>
  withSteps('chain', [n], [], steps, temporaries)

/** Words of `batchNormForward`, whose first says the layout, before its result, which is the first temporary. */
const FORWARD = { layout: 2, first: 3, s: 5, y: 19 }
const LANES = 1

const named = (row: Row, name: string) =>
  row.name === name && !row.live && row.words[FORWARD.layout] === LANES

/** Images of a block in lanes. */
const BLOCK = 16

/**
 * Whether batch normalisation runs in pieces long enough for steps to begin anew with each: one is of
 * a channel, in one block.
 *
 * @param fewest as of `elementsOf`: an eighth takes some times as long as to begin
 */
export const hasLongPieces = ({ words }: Row, fewest: number): boolean =>
  8 * BLOCK * words[FORWARD.s] >= fewest

/** Where batch normalisation in lanes writes its result; undefined for other rows. */
export function normalised(row: Row): Place | undefined {
  if (!named(row, 'batchNormForward')) return undefined
  const place = row.places.find(({ word }) => word === FORWARD.y)
  return place && isWhole(row, place) ? place : undefined
}

/** Batch normalisation, and steps that have its result in the first temporary. */
export function normaliseRow(row: Row, steps: readonly Step[], temporaries: Temporaries): Row {
  const head = [...row.words.subarray(FORWARD.first, FORWARD.y)]
  const places = row.places
    .filter(({ word }) => word < FORWARD.y)
    .map((place) => ({ ...place, word: place.word - 1 }))
  return withSteps('batchNormChainForward', head, places, steps, temporaries)
}
