/** Tables: rows of columns that are numbers or categories. */
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { type RandomSplitOptions, randomSplit } from './random-split.js'

/** A column of numbers; NaN where there is none. */
export interface NumberColumn {
  readonly kind: 'number'
  readonly values: Float64Array
}

/** A column of names; undefined where there is none. */
export interface CategoryColumn {
  readonly kind: 'category'
  readonly values: readonly (string | undefined)[]
}

/** A column of a table. */
export type Column = NumberColumn | CategoryColumn

/** How the fields of a table are read. */
export interface TableOptions {
  /** Whether the first row has the columns' names. Default true; else they are `0`, `1`, … */
  header?: boolean
  /** What stands where there is no value. Default '', 'NA', 'N/A', 'NaN', 'nan', 'null' and '?'. */
  missing?: readonly string[]
  /**
   * What the columns named here are. Default: numbers, where every field that is not missing is one, else categories.
   */
  types?: Readonly<Record<string, 'number' | 'category'>>
}

export const TABLE_OPTIONS = ['header', 'missing', 'types']

const MISSING = ['', 'NA', 'N/A', 'NaN', 'nan', 'null', '?']

/** As numbers are written: no hexadecimal, no text that begins with one. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

/** Rows with columns that have names and types, as `data.csv` gives them. */
export class Table {
  /** Number of rows. */
  readonly length: number
  readonly #columns: ReadonlyMap<string, Column>

  /** @internal */
  constructor(columns: ReadonlyMap<string, Column>, length: number) {
    this.#columns = columns
    this.length = length
  }

  /** The columns' names, in order. */
  get columns(): string[] {
    return [...this.#columns.keys()]
  }

  /** How many values each column lacks, of those that lack any. */
  get missing(): Map<string, number> {
    const found = new Map<string, number>()
    for (const [name, column] of this.#columns) {
      const count =
        column.kind === 'number'
          ? column.values.reduce((sum, value) => sum + Number(Number.isNaN(value)), 0)
          : column.values.filter((value) => value === undefined).length
      if (count > 0) found.set(name, count)
    }
    return found
  }

  /**
   * The column of that name.
   *
   * @param name one of `columns`
   * @throws {ArgumentError} for a name that there is not
   */
  column(name: string): Column {
    const column = this.#columns.get(name)
    if (column) return column
    throw new ArgumentError(`Table: there is no column ${kindOf(name)}; it has ${this.columns.join(', ')}`)
  }

  /**
   * Some of the rows.
   *
   * @param indices of rows, in the order of the new table
   * @throws {ArgumentError} for an index that there is not
   */
  rows(indices: ArrayLike<number>): Table {
    const order = Array.from(indices)
    const bad = order.find((i) => !(Number.isInteger(i) && i >= 0 && i < this.length))
    if (bad !== undefined) throw new ArgumentError(`Table: ${kindOf(bad)} is no index of ${this.length} rows`)
    const columns = [...this.#columns].map(([name, column]): [string, Column] => [
      name,
      column.kind === 'number'
        ? { kind: 'number', values: Float64Array.from(order, (i) => column.values[i]) }
        : { kind: 'category', values: order.map((i) => column.values[i]) },
    ])
    return new Table(new Map(columns), order.length)
  }

  /**
   * Parts, drawn at random: see `data.randomSplit`.
   *
   * @param lengths rows of each part, or shares that add up to 1
   * @param options seed; `stratify` is the name of a column, whose values each part then has as much of as all have
   * @throws {ArgumentError} as `randomSplit`
   */
  split(
    lengths: readonly number[],
    options: { seed?: number | undefined; stratify?: string | undefined } = {},
  ): Table[] {
    checkOptions('Table.split', options, ['seed', 'stratify'])
    const { seed, stratify } = options
    const given: RandomSplitOptions = seed === undefined ? {} : { seed }
    if (stratify !== undefined) given.stratify = Array.from(this.column(stratify).values, String)
    const rows = { length: this.length, get: (i: number) => i }
    return randomSplit(rows, lengths, given).map(({ indices }) => this.rows(indices))
  }
}

/**
 * A table of rows of texts.
 *
 * @param where names the file in errors
 * @throws {DataError} for rows of different lengths, or names that come twice
 * @throws {ArgumentError} for options that are none
 */
export function tableOf(rows: readonly (readonly string[])[], options: TableOptions, where: string): Table {
  const { header = true, missing = MISSING, types = {} } = options
  if (rows.length === 0) throw new DataError(`${where} is an empty table: it has no rows. Check the path.`)
  const names = header ? rows[0].map((name) => name.trim()) : rows[0].map((_, i) => String(i))
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new DataError(`${where} has two columns named ${kindOf(twice)}. Rename one.`)
  const body = header ? rows.slice(1) : rows
  const odd = body.findIndex((row) => row.length !== names.length)
  if (odd >= 0) {
    throw new DataError(
      `${where}: row ${odd + 1} has ${body[odd].length} fields, and there are ${names.length} columns. Check its quotes and separators.`,
    )
  }
  for (const [name, type] of Object.entries(types)) {
    if (!names.includes(name))
      throw new ArgumentError(`csv: types names a column ${kindOf(name)}, and there is none`)
    if (type !== 'number' && type !== 'category') {
      throw new ArgumentError(`csv: the type of ${name} is 'number' or 'category', got ${kindOf(type)}`)
    }
  }
  const none = new Set(missing)
  const columns = names.map((name, c): [string, Column] => {
    const fields = body.map((row) => row[c].trim()).map((field) => (none.has(field) ? undefined : field))
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    const text = fields.findIndex((field) => field !== undefined && !NUMBER.test(field))
    if (type === 'number' && text >= 0) {
      throw new DataError(
        `${where}: column ${name} has ${kindOf(fields[text])} in row ${text + 1}, where a number was expected. Add it to missing, or make the column a category.`,
      )
    }
    if (type === 'category' || text >= 0) return [name, { kind: 'category', values: fields }]
    return [
      name,
      {
        kind: 'number',
        values: Float64Array.from(fields, (field) => (field === undefined ? Number.NaN : Number(field))),
      },
    ]
  })
  return new Table(new Map(columns), body.length)
}
