/**
 * State of any form (state dicts, counters, lists of them) as what a safetensors file holds: its tensors by name, and JSON
 * for all the rest, in which each tensor's place has its name.
 */
import { isPlainObject, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'

/** What `pack` makes of a value. */
export interface Packed {
  /** By its path in the value: `optimizer.state.0.exp_avg`. */
  tensors: Record<string, Tensor>
  json: unknown
}

/** What JSON can't write, under its own names. */
const NUMBERS = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  '-0': -0,
}

/** What a state dict has that is no entry. */
const METADATA = '_metadata'

/** The longest way from the top to a value: what is deeper is a circle. */
const DEPTH = 32

/**
 * Takes a value apart: tensors, numbers of any kind, texts, true and false, null, arrays and plain objects of them. What
 * is undefined in an object is left out.
 *
 * @param what the value is called in errors
 * @throws {ArgumentError} for a value of another kind, naming its path
 */
export function pack(what: string, value: unknown): Packed {
  const tensors: Record<string, Tensor> = {}
  const json = packed(value, [], tensors, what)
  return { tensors, json }
}

function packed(value: unknown, path: string[], tensors: Record<string, Tensor>, what: string): unknown {
  if (value instanceof Tensor) {
    let name = path.join('.')
    // Two paths may read alike: a name may have a dot in it.
    while (Object.hasOwn(tensors, name)) name += '_'
    tensors[name] = value
    return { $tensor: name }
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? '-0' : `${value}` }
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  const inside = (one: unknown, key: string | number) => packed(one, [...path, `${key}`], tensors, what)
  if (path.length < DEPTH) {
    if (Array.isArray(value)) return value.map((one, i) => inside(one ?? null, i))
    if (isPlainObject(value)) {
      const entries = Object.entries(value)
        .filter(([, one]) => one !== undefined)
        .map(([key, one]) => [key, inside(one, key)])
      const strange = entries.some(([key]) => String(key).startsWith('$'))
      const json = strange ? { $entries: entries } : Object.fromEntries(entries)
      // A state dict may have metadata that are no entry, as PyTorch's `_metadata`.
      const hidden = Object.getOwnPropertyDescriptor(value, METADATA)
      if (hidden === undefined || hidden.enumerable) return json
      return { $state: json, $metadata: inside(hidden.value, METADATA) }
    }
  }
  throw new ArgumentError(
    `${what}: ${path.join('.') || 'it'} is ${kindOf(value)}; a state holds tensors, numbers, texts, booleans, null, and arrays and plain objects of them`,
  )
}

/**
 * Puts together what `pack` took apart.
 *
 * @param where names the file in errors
 * @throws {DataError} for JSON that `pack` did not write, or a tensor that is not there
 */
export function unpack({ tensors, json }: Packed, where: string): unknown {
  const wrong = (what: string) => new DataError(`${where} is no checkpoint, or a damaged one: ${what}.`)
  const unpacked = (value: unknown, depth: number): unknown => {
    if (depth > DEPTH) throw wrong('it is nested too deeply')
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((one) => unpacked(one, depth + 1))
    const { $tensor, $number, $entries, $state, $metadata } = value as Record<string, unknown>
    if (typeof $tensor === 'string') {
      if (Object.hasOwn(tensors, $tensor)) return tensors[$tensor]
      throw wrong(`it has no tensor '${$tensor}'`)
    }
    if (typeof $number === 'string' && Object.hasOwn(NUMBERS, $number))
      return NUMBERS[$number as keyof typeof NUMBERS]
    if (
      Array.isArray($entries) &&
      $entries.every((entry) => Array.isArray(entry) && typeof entry[0] === 'string')
    ) {
      return Object.fromEntries($entries.map(([key, one]) => [key, unpacked(one, depth + 1)]))
    }
    if (typeof $state === 'object' && $state !== null && $metadata !== undefined) {
      const state = unpacked($state, depth + 1)
      if (isPlainObject(state)) {
        const hidden = { value: unpacked($metadata, depth + 1), enumerable: false }
        return Object.defineProperty(state, METADATA, hidden)
      }
    }
    const entries = Object.entries(value)
    const strange = entries.find(([key]) => key.startsWith('$'))
    if (strange) throw wrong(`${strange[0]} is not what is written there`)
    return Object.fromEntries(entries.map(([key, one]) => [key, unpacked(one, depth + 1)]))
  }
  return unpacked(json, 0)
}
