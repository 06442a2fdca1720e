import { ArgumentError } from '../errors.js'

/** @throws {ArgumentError} for an option that is not among the known ones */
export function checkOptions(name: string, options: object, known: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new ArgumentError(`${name}: unknown option '${option}'; it takes ${known.join(', ')}`)
    }
  }
}
