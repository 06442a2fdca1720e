/** Real files, changed: what parsers are fuzzed with. */
import fc from 'fast-check'

/** How many cases: 2,000, or what `npm run fuzz:parsers` says. */
export const CASES = Number(process.env.SIMDGRAD_PARSER_CASES ?? 2000)

/** What is added to each seed, so that a long run can be made in pieces. */
export const SEED = Number(process.env.SIMDGRAD_PARSER_SEED ?? 0)

/** One change: what, where (as a share of the whole) and with what. */
type Change = [kind: number, place: number, length: number, value: number]

/** Numbers at which parsers go wrong. */
const HARD = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5b, 0x7b, 0x7d, 0x2c, 0x2d, 0x39]

function changed(bytes: Uint8Array, [kind, place, length, value]: Change): Uint8Array {
  const at = Math.floor(place * bytes.length)
  const end = Math.min(bytes.length, at + length)
  const [before, middle, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)]
  const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
  switch (kind % 8) {
    case 0:
      return joined(
        before,
        middle.map((byte) => byte ^ (1 << (value % 8))),
        after,
      )
    case 1:
      return joined(
        before,
        middle.map(() => HARD[value % HARD.length]),
        after,
      )
    case 2:
      return bytes.slice(0, at)
    case 3:
      return joined(before, after)
    case 4:
      return joined(before, middle, middle, after)
    case 5:
      return joined(before, Uint8Array.of(value), middle, after)
    case 6:
      // A number in text: another one of as many digits.
      return joined(
        before,
        middle.map((byte) => (byte >= 0x30 && byte <= 0x39 ? 0x30 + (value % 10) : byte)),
        after,
      )
    default:
      return joined(bytes, Uint8Array.of(value))
  }
}

/** A file among some, with up to four changes; most near its beginning, where headers are. */
export function mutated(files: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const place = fc.oneof(
    unit,
    unit.map((x) => x * x * x * 0.2),
  )
  const change = fc.tuple(fc.nat(7), place, fc.integer({ min: 1, max: 9 }), fc.nat(255))
  return fc
    .tuple(fc.constantFrom(...files), fc.array(change, { maxLength: 4 }))
    .map(([file, changes]) => changes.reduce(changed, file))
}

/** JSON with up to three values replaced, or left out. */
export function mutatedJson(value: unknown): fc.Arbitrary<unknown> {
  const anything = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      '',
      'x',
      0,
      -1,
      0.5,
      1e300,
      [],
      {},
      [[]],
      { a: 1 },
      { $tensor: 'x' },
      { $number: 'NaN' },
    ),
    fc.integer(),
    fc.constant(undefined),
  )
  return fc
    .array(fc.tuple(fc.nat(), anything), { minLength: 1, maxLength: 3 })
    .map((edits) => edits.reduce<unknown>((tree, [which, other]) => replaced(tree, which, other), value))
}

const isBranch = (value: unknown): value is object =>
  Array.isArray(value) ||
  (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)

/** The tree with its value number `which` (counted in order, and again from the first) replaced. */
function replaced(tree: unknown, which: number, other: unknown): unknown {
  const count = (value: unknown): number =>
    isBranch(value) ? 1 + Object.values(value).reduce((sum: number, one) => sum + count(one), 0) : 1
  let left = which % count(tree)
  const walk = (value: unknown): unknown => {
    if (left-- === 0) return other
    if (Array.isArray(value)) return value.map(walk)
    if (!isBranch(value)) return value
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, one]) => {
        const next = walk(one)
        return next === undefined ? [] : [[key, next]]
      }),
    )
  }
  return walk(tree)
}
