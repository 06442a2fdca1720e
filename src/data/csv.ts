/** Comma-separated values (RFC 4180), through Papa Parse. */
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { TABLE_OPTIONS, type Table, type TableOptions, tableOf } from './table.js'

/** As much of https://www.papaparse.com as is called. */
export interface PapaParse {
  /**
   * The rows of a text.
   *
   * @param text the content
   * @param config how it is read
   */
  parse(
    text: string,
    config: { delimiter: string; skipEmptyLines: 'greedy' },
  ): { data: unknown[]; errors: readonly { message: string; row?: number | undefined }[] }
}

/** Options of `csv`. */
export interface CsvOptions extends TableOptions {
  /** What separates fields. Default: found out. */
  delimiter?: string
  /** `import Papa from 'papaparse'`: needed in browsers; in Node it is found where it is installed. */
  papaparse?: PapaParse
}

/** Reads a text. @throws {DataError} for quotes that do not end, and rows of different lengths */
export function parseCsv(papa: PapaParse, text: string, options: CsvOptions, where: string): Table {
  const parsed = papa.parse(text.replace(/^\uFEFF/, ''), {
    delimiter: options.delimiter ?? '',
    skipEmptyLines: 'greedy',
  })
  // A table of one column has no separator to be found.
  const error = parsed.errors.find(({ message }) => !message.startsWith('Unable to auto-detect'))
  if (error) {
    throw new DataError(
      `${where} is no sound CSV: ${error.message} (row ${error.row ?? '?'}). Check its quotes.`,
    )
  }
  return tableOf(parsed.data as string[][], options, where)
}

/** @throws {ArgumentError} */
export function checkCsvOptions(options: CsvOptions): void {
  checkOptions('csv', options, [...TABLE_OPTIONS, 'delimiter', 'papaparse'])
  const { header = true, delimiter = '', missing = [], types = {} } = options
  checkBoolean('csv', 'header', header)
  if (typeof delimiter !== 'string') {
    throw new ArgumentError(`csv: delimiter is a text, such as ';', got ${kindOf(delimiter)}`)
  }
  if (!Array.isArray(missing) || !missing.every((one) => typeof one === 'string')) {
    throw new ArgumentError(`csv: missing is an array of texts, such as ['', 'NA'], got ${kindOf(missing)}`)
  }
  if (typeof types !== 'object' || types === null || Array.isArray(types)) {
    throw new ArgumentError(`csv: types are given by column, as { age: 'number' }, got ${kindOf(types)}`)
  }
}

/**
 * A table from the text of a CSV file.
 *
 * @param text the file's content; in Node also its path (what has no line break is one)
 * @param options papaparse, without which there is no parser in browsers
 * @throws {ArgumentError} for options that are none
 * @throws {DataError} for what is no CSV, or rows of different lengths
 */
export async function csv(text: string, options: CsvOptions = {}): Promise<Table> {
  checkCsvOptions(options)
  if (typeof text !== 'string') throw new ArgumentError(`csv: expected a text, got ${kindOf(text)}`)
  if (!options.papaparse) {
    throw new ArgumentError(
      "csv: give it the parser, { papaparse: Papa } with import Papa from 'papaparse'; npm install papaparse installs it",
    )
  }
  return parseCsv(options.papaparse, text, options, 'the given text')
}
