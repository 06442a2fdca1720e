import { ArgumentError } from '../errors.js'

/** @throws {ArgumentError} for options that are no object, or one that is not among the known ones */
export function checkOptions(name: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new ArgumentError(`${name}: options are given by name, as { ${known[0]}: … }, not as ${options}`)
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new ArgumentError(`${name}: unknown option '${option}'; it takes ${known.join(', ')}`)
    }
  }
}
