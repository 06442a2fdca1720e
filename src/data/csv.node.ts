import { readFile } from 'node:fs/promises'
import { kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { type CsvOptions, checkCsvOptions, type PapaParse, parseCsv } from './csv.js'
import type { Table } from './table.js'

/**
 * A table from a CSV file, or from its text.
 *
 * Columns are numbers, where every field is one, else categories; what is missing is told by `table.missing`, and filled
 * by a `data.TableEncoder`. The parser is Papa Parse: `npm install papaparse`.
 *
 * @param pathOrText a path, or, with a line break in it, the content
 * @throws {ArgumentError} for options that are none
 * @throws {DataError} for a file that can't be read, what is no CSV, or rows of different lengths
 */
export async function csv(pathOrText: string, options: CsvOptions = {}): Promise<Table> {
  checkCsvOptions(options)
  if (typeof pathOrText !== 'string') {
    throw new ArgumentError(`csv: expected a path or a text, got ${kindOf(pathOrText)}`)
  }
  const papa = options.papaparse ?? (await installed())
  if (/[\r\n]/.test(pathOrText)) return parseCsv(papa, pathOrText, options, 'the given text')
  return parseCsv(papa, await read(pathOrText), options, pathOrText)
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new DataError(`${path} can't be read (${code}). Check the path; a text has a line break.`, {
      cause,
    })
  }
}

async function installed(): Promise<PapaParse> {
  try {
    const { default: papa } = await import('papaparse')
    return papa as PapaParse
  } catch (cause) {
    throw new DataError(
      'csv: its parser is not installed. Install it with this line: npm install papaparse',
      { cause },
    )
  }
}
