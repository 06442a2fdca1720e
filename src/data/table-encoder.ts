import { checkOptions, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { fromValues } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import { Table } from './table.js'
import { TensorDataset } from './tensor-dataset.js'

/** What is learnt of an input column of numbers. */
interface NumberPart {
  name: string
  kind: 'number'
  mean: number
  std: number
  /** What stands for a missing value; null where none may be missing. */
  fill: number | null
}

/** What is learnt of a column of categories: each is one number, or its index. */
interface CategoryPart {
  name: string
  kind: 'category'
  categories: string[]
  oneHot: boolean
  fill: string | null
}

type Part = NumberPart | CategoryPart

/** What a TableEncoder has learnt, as JSON holds it. */
export interface TableEncoderState {
  /** What is learnt of each column that goes in. */
  inputs: Part[]
  /** What is learnt of the target; null without one. */
  target: Part | null
}

/** Options of TableEncoder. */
export interface TableEncoderOptions {
  /** The column to be predicted: a category becomes its index, a number stays one. Default: none. */
  target?: string
  /** The columns that go in. Default: all but the target. */
  inputs?: readonly string[]
  /** Whether numbers that go in become (value − mean) / deviation. Default true. */
  standardize?: boolean
  /** How a category goes in: as a number for each, of which one is 1 (default), or as its index, for an `nn.Embedding`. */
  categories?: 'one-hot' | 'index'
  /**
   * What becomes of missing values that go in: an error (default), or the mean of the column, and of categories the most
   * frequent one.
   */
  missing?: 'error' | 'fill'
}

const OPTIONS = ['target', 'inputs', 'standardize', 'categories', 'missing']

/**
 * Makes tensors of tables: learns means, deviations and categories of the training part, and applies them to any part.
 * `JSON.stringify` keeps what it has learnt, to be saved beside the weights, and `TableEncoder.fromJSON` has it back.
 */
export class TableEncoder {
  readonly #state: TableEncoderState

  private constructor(state: TableEncoderState) {
    if (!isState(state)) {
      throw new ArgumentError('TableEncoder: made by TableEncoder.fit(table), or TableEncoder.fromJSON(text)')
    }
    this.#state = state
  }

  /**
   * An encoder that has learnt of a table.
   *
   * @param table the training part: nothing is to be learnt of the others
   * @param options target, inputs, and how they are encoded
   * @throws {ArgumentError} for a column that there is not, or options that are none
   * @throws {DataError} for missing values that nothing was said about, or a column without any
   */
  static fit(table: Table, options: TableEncoderOptions = {}): TableEncoder {
    if (!(table instanceof Table))
      throw new ArgumentError(`TableEncoder: expected a table, got ${kindOf(table)}`)
    checkOptions('TableEncoder', options, OPTIONS)
    const { target, standardize = true, categories = 'one-hot', missing = 'error' } = options
    if (typeof standardize !== 'boolean') {
      throw new ArgumentError(`TableEncoder: standardize is true or false, got ${kindOf(standardize)}`)
    }
    oneOf('categories', categories, ['one-hot', 'index'])
    oneOf('missing', missing, ['error', 'fill'])
    if (target !== undefined) table.column(target)
    const names = options.inputs ?? table.columns.filter((name) => name !== target)
    if (!Array.isArray(names) || names.length === 0) {
      throw new ArgumentError(`TableEncoder: inputs are names of columns, got ${kindOf(names)}`)
    }
    const [fill, oneHot] = [missing === 'fill', categories === 'one-hot']
    return new TableEncoder({
      inputs: names.map((name) => learn(table, name, { fill, oneHot, standardize })),
      target:
        target === undefined
          ? null
          : learn(table, target, { fill: false, oneHot: false, standardize: false }),
    })
  }

  /**
   * Has back what `JSON.stringify` of an encoder has written.
   *
   * @param json the text, or what `toJSON` gave
   * @throws {DataError} for anything else
   */
  static fromJSON(json: string | TableEncoderState): TableEncoder {
    let state: unknown = json
    try {
      state = typeof json === 'string' ? JSON.parse(json) : structuredClone(json)
    } catch (cause) {
      throw new DataError('TableEncoder: what it is to be made of is no JSON', { cause })
    }
    if (isState(state)) return new TableEncoder({ inputs: state.inputs, target: state.target })
    throw new DataError('TableEncoder: this is not what JSON.stringify of an encoder has written')
  }

  /** What it has learnt; JSON.stringify asks for it. */
  toJSON(): TableEncoderState {
    return structuredClone(this.#state)
  }

  /** How many numbers go in. */
  get inputSize(): number {
    return this.#state.inputs.reduce((sum, part) => sum + widthOf(part), 0)
  }

  /** A name for each of them. */
  get inputNames(): string[] {
    return this.#state.inputs.flatMap((part) =>
      widthOf(part) > 1 || (part.kind === 'category' && part.oneHot)
        ? (part as CategoryPart).categories.map((category) => `${part.name}=${category}`)
        : [part.name],
    )
  }

  /** The names of the target's classes; undefined where it is a number, or there is none. */
  get classes(): readonly string[] | undefined {
    const { target } = this.#state
    return target?.kind === 'category' ? target.categories : undefined
  }

  /**
   * A table as samples [x] or [x, y]: x [rows, inputSize]; y [rows], class indices, or [rows, 1], numbers.
   *
   * @throws {ArgumentError} for a table without a column that is needed
   * @throws {DataError} for a missing value, or a category that the training part does not have
   */
  encode(table: Table): TensorDataset {
    const x = this.inputs(table)
    const { target } = this.#state
    if (!target) return new TensorDataset(x)
    const values = new Float32Array(table.length)
    write(table, target, values, 0, 1)
    const shape = target.kind === 'category' ? [table.length] : [table.length, 1]
    return new TensorDataset(x, fromValues(values, shape))
  }

  /**
   * What goes in of a table, which needs no target: [rows, inputSize].
   *
   * @throws {ArgumentError} for a table without a column that is needed
   * @throws {DataError} for a missing value, or a category that the training part does not have
   */
  inputs(table: Table): Tensor {
    if (!(table instanceof Table))
      throw new ArgumentError(`TableEncoder: expected a table, got ${kindOf(table)}`)
    const width = this.inputSize
    const values = new Float32Array(table.length * width)
    let at = 0
    for (const part of this.#state.inputs) {
      write(table, part, values, at, width)
      at += widthOf(part)
    }
    return fromValues(values, [table.length, width])
  }
}

const widthOf = (part: Part): number => (part.kind === 'category' && part.oneHot ? part.categories.length : 1)

function oneOf(what: string, value: unknown, known: readonly string[]): void {
  if (!known.includes(value as string)) {
    throw new ArgumentError(
      `TableEncoder: ${what} is ${known.map((k) => `'${k}'`).join(' or ')}, got ${kindOf(value)}`,
    )
  }
}

function learn(
  table: Table,
  name: string,
  { fill, oneHot, standardize }: { fill: boolean; oneHot: boolean; standardize: boolean },
): Part {
  const column = table.column(name)
  if (column.kind === 'category') {
    const counts = new Map<string, number>()
    for (const value of column.values)
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1)
    // By code units: the same order everywhere.
    const categories = [...counts.keys()].sort()
    if (categories.length === 0) throw new DataError(`TableEncoder: column ${name} has no values to learn of`)
    const most = categories.reduce((a, b) => ((counts.get(b) ?? 0) > (counts.get(a) ?? 0) ? b : a))
    return { name, kind: 'category', categories, oneHot, fill: fill ? most : null }
  }
  const there = column.values.filter((value) => !Number.isNaN(value))
  if (there.length === 0) throw new DataError(`TableEncoder: column ${name} has no values to learn of`)
  const mean = there.reduce((sum, value) => sum + value, 0) / there.length
  const deviation = Math.sqrt(there.reduce((sum, value) => sum + (value - mean) ** 2, 0) / there.length)
  const [middle, std] = standardize ? [mean, deviation > 0 ? deviation : 1] : [0, 1]
  return { name, kind: 'number', mean: middle, std, fill: fill ? mean : null }
}

/** Writes a column from place `at` of each row on. */
function write(table: Table, part: Part, rows: Float32Array, at: number, width: number): void {
  const column = table.column(part.name)
  const lacks = (row: number) =>
    new DataError(
      `TableEncoder: column ${part.name} has no value in row ${row}. { missing: 'fill' } fills what goes in; or leave such rows out.`,
    )
  if (column.kind !== part.kind && !(part.kind === 'category' && column.kind === 'number')) {
    throw new ArgumentError(
      `TableEncoder: column ${part.name} has texts, and the training part has numbers there`,
    )
  }
  if (part.kind === 'number') {
    for (const [row, value] of (column.values as Float64Array).entries()) {
      const filled = Number.isNaN(value) ? part.fill : value
      if (filled === null) throw lacks(row)
      rows[row * width + at] = (filled - part.mean) / part.std
    }
    return
  }
  const places = new Map(part.categories.map((category, i) => [category, i]))
  for (const [row, value] of Array.from(column.values as ArrayLike<unknown>).entries()) {
    const name = value === undefined || Number.isNaN(value) ? part.fill : String(value)
    if (name === null) throw lacks(row)
    const place = places.get(name)
    if (place === undefined) {
      throw new DataError(
        `TableEncoder: column ${part.name} has ${kindOf(name)} in row ${row}, which the training part does not have: ${part.categories.join(', ')}`,
      )
    }
    if (part.oneHot) rows[row * width + at + place] = 1
    else rows[row * width + at] = place
  }
}

function isState(value: unknown): value is TableEncoderState {
  const { inputs, target } = (value ?? {}) as Partial<TableEncoderState>
  return Array.isArray(inputs) && inputs.every(isPart) && (target === null || isPart(target))
}

function isPart(value: unknown): value is Part {
  const part = (value ?? {}) as Record<string, unknown>
  if (typeof part.name !== 'string') return false
  if (part.kind === 'number') {
    const { mean, std, fill } = part
    return Number.isFinite(mean) && Number(std) > 0 && (fill === null || Number.isFinite(fill))
  }
  const { categories, oneHot, fill } = part
  return (
    part.kind === 'category' &&
    Array.isArray(categories) &&
    categories.length > 0 &&
    categories.every((one) => typeof one === 'string') &&
    typeof oneHot === 'boolean' &&
    (fill === null || categories.includes(fill as string))
  )
}
