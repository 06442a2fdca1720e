/** The tokens of a command line, by node:util's parseArgs. */
import { parseArgs } from 'node:util'
import { ArgumentError } from '../errors.js'
import { didYouMean } from './values.js'

/** Options by their names. */
export type KnownOptions = Readonly<Record<string, { type: 'string' | 'boolean'; short?: string }>>

/** What is on a command line, before its values are looked at. */
export interface Scanned {
  /** The options with a value, by name. */
  texts: Map<string, string>
  flags: Set<string>
  words: string[]
}

/**
 * Reads options and words off a command line. (parseArgs' own strict mode has terser errors, so its tokens are checked
 * here.)
 *
 * @throws ArgumentError for an option that is unknown, lacks its value, or takes none
 */
export function scan(args: readonly string[], known: KnownOptions): Scanned {
  const { tokens } = parseArgs({
    args: [...args],
    options: known,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const scanned: Scanned = { texts: new Map(), flags: new Set(), words: [] }
  for (const token of tokens) {
    if (token.kind === 'positional') scanned.words.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    const option = Object.hasOwn(known, name) ? known[name] : undefined
    if (option === undefined) {
      const hint = rawName.startsWith('--') ? didYouMean(rawName, Object.keys(known), '--') : ''
      throw new ArgumentError(
        `unknown option ${rawName}${hint}; the options are ` +
          `${Object.keys(known)
            .map((option) => `--${option}`)
            .join(', ')}.`,
      )
    }
    if (option.type === 'boolean') {
      if (value !== undefined) {
        throw new ArgumentError(`${rawName} takes no value, and '${value}' was given. Leave it out.`)
      }
      scanned.flags.add(name)
    } else if (value === undefined || value === '' || (!inlineValue && value.startsWith('--'))) {
      throw new ArgumentError(`${rawName} needs a value, and none was given: ${rawName} VALUE.`)
    } else scanned.texts.set(name, value)
  }
  return scanned
}
