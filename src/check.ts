/** The ground floor: what every function says of an argument that can't be right, before anything is computed. */
import { ArgumentError, StateDictError } from './errors.js'

/** What a value is, in words: `an array`, `a Linear`, `'adam'`, `null`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'function') return `a function${value.name ? ` (${value.name})` : ''}`
  const name: string | undefined = (value as object).constructor?.name
  if (!name || name === 'Object') return 'an object'
  return `${/^([AEIO]|Up|Un[^i])/.test(name) ? 'an' : 'a'} ${name}`
}

/** @throws {ArgumentError} for options that are no object, or one that is not among the known ones */
export function checkOptions(name: string, options: object, known: readonly string[]): void {
  if (!isPlainObject(options)) {
    throw new ArgumentError(
      `${name}: options are given by name, as { ${known[0]}: … }, not as ${kindOf(options)}`,
    )
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new ArgumentError(`${name}: unknown option '${option}'; it takes ${known.join(', ')}`)
    }
  }
}

/** What a number may be. */
export interface Range {
  least?: number
  most?: number
  /** Below this, which itself is too large. */
  below?: number
  whole?: boolean
  /** Whether NaN and the infinities will do. Default false for a range, true without one. */
  anyNumber?: boolean
}

/** @throws {ArgumentError} unless `value` is a number in the range */
export function checkNumber(
  name: string,
  what: string,
  value: unknown,
  range: Range = { anyNumber: true },
): void {
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY, below, whole, anyNumber } = range
  if (
    typeof value === 'number' &&
    (anyNumber || Number.isFinite(value)) &&
    (anyNumber || (value >= least && value <= most)) &&
    (below === undefined || value < below) &&
    (!whole || Number.isInteger(value))
  ) {
    return
  }
  const kind = whole ? 'a whole number' : 'a number'
  const bounds = [
    ...(least > Number.NEGATIVE_INFINITY
      ? [most < Number.POSITIVE_INFINITY || below !== undefined ? `from ${least}` : `of at least ${least}`]
      : []),
    ...(below !== undefined ? [`to below ${below}`] : []),
    ...(most < Number.POSITIVE_INFINITY
      ? [`${least > Number.NEGATIVE_INFINITY ? 'to' : 'of at most'} ${most}`]
      : []),
  ]
  throw new ArgumentError(`${name}: ${what} is ${[kind, ...bounds].join(' ')}, got ${kindOf(value)}`)
}

/** @throws {ArgumentError} unless `value` is true or false */
export function checkBoolean(name: string, what: string, value: unknown): void {
  if (typeof value !== 'boolean') {
    throw new ArgumentError(`${name}: ${what} is true or false, got ${kindOf(value)}`)
  }
}

/** A number for both directions, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number]

/** `value` as a pair of whole numbers of at least `least`. @throws {ArgumentError} if it is none */
export function pair(name: string, what: string, value: Pair, least: number): readonly [number, number] {
  const both: unknown = typeof value === 'number' ? [value, value] : value
  const fits = (v: unknown) => Number.isInteger(v) && Number(v) >= least && Number(v) < 2 ** 31
  if (!Array.isArray(both) || both.length !== 2 || !both.every(fits)) {
    throw new ArgumentError(
      `${name}: ${what} is a whole number of at least ${least} or a pair of them, got ${JSON.stringify(value) ?? kindOf(value)}`,
    )
  }
  return [both[0], both[1]]
}

/** @throws {StateDictError} where a state dict has problems, naming all of them */
export function checkFits(kind: string, problems: readonly string[]): void {
  if (problems.length > 0) {
    throw new StateDictError(`loadStateDict: the state does not fit this ${kind}; ${problems.join('; ')}`)
  }
}

/** @throws {ArgumentError} for what can't be a field's part of a name in a state dict */
export function checkField(name: string, field: unknown): asserts field is string {
  if (typeof field !== 'string' || field === '') {
    throw new ArgumentError(`${name}: a name is a string of at least one letter, got ${kindOf(field)}`)
  }
  if (field.includes('.')) {
    throw new ArgumentError(`${name}: the name '${field}' has a dot, which stands between fields`)
  }
}

/** Whether it is an object such as `{ a: …, b: … }`. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Bytes of their own memory, not shared: `Uint8Array<ArrayBuffer>`, for which TypeScript has no name before 5.7. */
export type Bytes = ReturnType<Uint8ArrayConstructor['of']>

/** Whether it is a Uint8Array (Node's Buffer is one), of whatever realm: Jest's tests have another one than Node. */
export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]'
}
