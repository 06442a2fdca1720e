// A clock around each kernel of a compiled step: its list of rows is run row by row.
import { readFileSync } from 'node:fs'
import { CHAIN_FORMS, CHAINS, instance, ROW_FORMS } from '../../dist/internals.node.js'

/**
 * @typedef {object} Kernel
 * @property {string} name
 * @property {Record<string, number>} numbers its numbers, by their names: sizes and the like
 * @property {number} floats of its largest array
 * @property {string[]} inside names of the kernels of a fused row
 * @property {number[]} seconds one for each step
 */

const GENERATED = ['kernels', 'whole-kernels'].map(
  (name) => new URL(`../../src/bindings/${name}.generated.ts`, import.meta.url),
)

/** The kernels' names and what their words are called, by number. */
function forms() {
  /** @type {{ name: string, words: Map<number, string> }[]} */
  const found = []
  for (const file of GENERATED) {
    for (const [, name, body] of readFileSync(file, 'utf8').matchAll(
      /^export function (\w+)\(.*?\{\n(.*?)^\}/gms,
    )) {
      const code = /startRow\((\d+)\)/.exec(body)?.[1]
      const words = [...body.matchAll(/row\[(\d+)\] = (?:Number\()?(\w+)/g)]
      if (code) found[Number(code)] = { name, words: new Map(words.map(([, at, of]) => [Number(at), of])) }
    }
  }
  for (const [name, code] of Object.entries(CHAINS)) found[code] ??= { name, words: new Map() }
  return found
}

/** @param {number} code */
const formOf = (code) => CHAIN_FORMS[code] ?? ROW_FORMS[code]

/** Words of the row at the beginning of `words`. @param {Float64Array} words */
function lengthOf(words) {
  const { words: length, dims } = formOf(words[0])
  if (Object.values(CHAINS).includes(/** @type {never} */ (words[0]))) return length + words[length]
  return length + (dims ? 1 + 3 * words[length] : 0)
}

/**
 * Starts the clock, for all steps that are replayed until `stop`.
 *
 * @returns {{ stop: () => Kernel[] }} the kernels, in the order of the step
 */
export function startClock() {
  const own = instance()
  const { kernels, memory } = own
  const known = forms()
  /** @type {Map<number, Kernel>} */
  const seen = new Map()
  /** @param {Float64Array} words @param {number} length @returns {Kernel} */
  const describe = (words, length) => {
    const { name, words: names } = known[words[0]]
    const arrays = formOf(words[0]).arrays.map(Math.abs)
    /** @type {Record<string, number>} */
    const numbers = {}
    for (const [at, of] of names) {
      if (at > 1 && !arrays.includes(at) && !arrays.includes(at - 1)) numbers[of] = words[at]
    }
    /** @type {string[]} */
    const inside = []
    const { words: head } = formOf(words[0])
    for (let at = head + 3; length > head && name in CHAINS && at < length; ) {
      const [size, moving, lengths] = words.subarray(at, at + 3)
      inside.push(known[words[at + 3 + moving + lengths]].name)
      at += 3 + moving + lengths + size
    }
    const floats = name === 'chain' ? words[2] : Math.max(0, ...arrays.map((at) => words[at + 1]))
    return { name, numbers, floats, inside, seconds: [] }
  }
  const clocked = (/** @type {number} */ start, /** @type {number} */ end) => {
    for (let at = start; at < end; ) {
      const words = new Float64Array(memory.buffer, at, (end - at) / 8)
      const length = lengthOf(words)
      const kernel = seen.get(at) ?? describe(words, length)
      seen.set(at, kernel)
      const before = performance.now()
      const reached = kernels.run_list(at, at + 8 * length) >>> 0
      kernel.seconds.push((performance.now() - before) / 1000)
      if (reached !== at + 8 * length) return reached
      at = reached
    }
    return end
  }
  Object.assign(own, { kernels: { ...kernels, run_list: clocked } })
  return {
    stop() {
      Object.assign(own, { kernels })
      return [...seen].sort(([a], [b]) => a - b).map(([, kernel]) => kernel)
    },
  }
}
