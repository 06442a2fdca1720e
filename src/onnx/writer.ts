/** Puts an ONNX graph together: nodes in order, weights by name, constants once each. */
import { AutogradError } from '../errors.js'
import { Formula, placesOf, type Size, type Sizes, sameSize, timesOf } from './formula.js'
import { attribute, floatTensor, type NodeAttributes } from './messages.js'
import { type NodeProto, type Partly, type TensorProto, TYPES } from './proto.js'
import type { AnySource, AnyValue } from './sizes.js'

/** An input of nodes that is left out. */
export const NONE = ''

/** A dynamic size: what it is called, and the dimension of a graph's input that has it. */
export interface Axis {
  readonly name: string
  readonly input: string
  readonly dim: number
  /** Whether other sizes were only seen to follow it in steps, so that none may be computed from it. */
  readonly coarse: boolean
}

export class Writer {
  readonly nodes: Partly<NodeProto>[] = []
  readonly initializers: Partly<TensorProto>[] = []
  /** Inputs of the graph that are read as whole numbers. */
  readonly indices = new Set<string>()
  readonly #constants = new Map<string, string>()
  readonly #states = new Set<string>()
  readonly #names = new Map<AnyValue['source'] | string, string>()
  readonly #booleans = new Map<string, string>()
  readonly #wholes = new Map<string, string>()
  #count = 0

  /**
   * @param opset version of the operators that are written
   * @param axes the dynamic sizes
   */
  constructor(
    readonly opset: number,
    readonly axes: readonly Axis[],
    readonly inputNames: readonly string[],
  ) {}

  /** The result of a node. */
  add(opType: string, inputs: readonly string[], attributes: NodeAttributes = {}): string {
    return this.addAll(opType, inputs, attributes, [true])[0]
  }

  /** The results of a node that has several; one that is not wanted has no name. */
  addAll(
    opType: string,
    inputs: readonly string[],
    attributes: NodeAttributes,
    wanted: readonly boolean[],
  ): string[] {
    const number = this.#count++
    const name = `/${opType}_${number}`
    const output = wanted.map((wants, i) => (wants ? `${name}_out${i > 0 ? i : ''}` : NONE))
    const given = [...inputs]
    while (given.at(-1) === NONE) given.pop()
    this.nodes.push({
      opType,
      name,
      input: given,
      output,
      attribute: Object.entries(attributes).flatMap(([key, value]) =>
        value === undefined ? [] : [attribute(key, value)],
      ),
    })
    return output
  }

  /** The name under which a value stands in the graph. */
  nameOf({ source, shape }: AnyValue): string {
    switch (source.kind) {
      case 'input':
        return this.inputNames[source.index]
      case 'state':
        return this.#state(source.name, source.tensor.shape, () => source.tensor.toFloat32Array())
      case 'step': {
        const name = this.#names.get(`${source.index}`)
        if (name === undefined) throw new Error(`operation ${source.index} was not written`)
        return name
      }
      case 'count':
        return this.count(source.of)
      default: {
        const known = this.#names.get(source)
        if (known !== undefined) return known
        const name = this.#constantOf(source, shape)
        this.#names.set(source, name)
        return name
      }
    }
  }

  #constantOf(
    source: Exclude<AnySource, { kind: 'input' | 'state' | 'step' | 'count' }>,
    shape: Sizes,
  ): string {
    if (source.kind === 'range') return this.#range(source, shape)
    if (source.kind === 'triangle') {
      const { below, above, diagonal } = source
      const ones = this.add('Expand', [this.number(1), this.sizes(shape)])
      const own = this.add('Trilu', [ones], { upper: Number(diagonal === 'above') })
      const [kept, other] = diagonal === 'above' ? [above, below] : [below, above]
      return this.add('Where', [this.toBoolean(own), this.number(kept), this.number(other)])
    }
    const base = this.floats(source.values, source.shape)
    return shape.every((size, d) => size === source.shape[d])
      ? base
      : this.add('Expand', [base, this.sizes(shape)])
  }

  /** A row of numbers that go on evenly, along one dimension. */
  #range({ start, step, dim }: Extract<AnySource, { kind: 'range' }>, shape: Sizes): string {
    const first = this.count(start)
    const end = this.add('Add', [first, this.add('Mul', [this.count(shape[dim]), this.number(step)])])
    const row = this.add('Range', [first, end, this.number(step)])
    if (shape.length === 1) return row
    const along = this.add('Reshape', [row, this.ints(shape.map((_, d) => (d === dim ? -1 : 1)))])
    return shape.every((size, d) => d === dim || size === 1)
      ? along
      : this.add('Expand', [along, this.sizes(shape)])
  }

  /** Says what stands for the result of operation `index`. */
  wrote(index: number, name: string): void {
    this.#names.set(`${index}`, name)
  }

  #state(name: string, dims: readonly number[], values: () => Float32Array): string {
    if (!this.#states.has(name)) {
      this.#states.add(name)
      this.initializers.push(floatTensor(name, values(), dims))
    }
    return name
  }

  /** Weights and constants that a node reads. */
  usedInitializers(): Partly<TensorProto>[] {
    const used = new Set(this.nodes.flatMap(({ input = [] }) => input))
    return this.initializers.filter(({ name = '' }) => used.has(name))
  }

  /** A constant of floats; one that is there already is used again. */
  floats(values: ArrayLike<number>, dims: readonly number[]): string {
    const own = Float32Array.from(values)
    const key = `f${dims}:${own.length > 64 ? `#${this.#constants.size}` : new Uint32Array(own.buffer)}`
    return this.#constant(key, (name) => floatTensor(name, own, dims))
  }

  /** A constant float of no dimension. */
  number(value: number): string {
    return this.floats([value], [])
  }

  /** A constant of whole numbers, of one dimension unless said otherwise. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant(`i${dims}:${values}`, (name) => ({
      name,
      dims: dims.map(BigInt),
      dataType: TYPES.int64,
      rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
    }))
  }

  #constant(key: string, make: (name: string) => Partly<TensorProto>): string {
    const known = this.#constants.get(key)
    if (known !== undefined) return known
    const name = `/constant_${this.#constants.size}`
    this.#constants.set(key, name)
    this.initializers.push(make(name))
    return name
  }

  /** Of one dimension and element: of none. */
  scalar(name: string): string {
    return this.add('Squeeze', [name, this.ints([0])])
  }

  /** A size as a float of no dimension. */
  count(size: Size): string {
    if (typeof size === 'number') return this.number(size)
    return this.scalar(this.add('Cast', [this.size(size)], { to: TYPES.float }))
  }

  /** A size as a tensor of whole numbers, [1]. @throws {AutogradError} for one that is known in steps only */
  size(size: Size): string {
    if (typeof size === 'number') return this.ints([size])
    const text = this.textOf(size)
    const key = `size ${text}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const coarse = [...size.terms.keys()].flatMap(placesOf).find((i) => this.axes[i].coarse)
    if (coarse !== undefined || !size.isWhole) {
      throw new AutogradError(
        `the graph needs the size ${text} as a number, which follows its input's only in steps (strides and windows are rounded). Let ${coarse === undefined ? 'that size' : `'${this.axes[coarse].name}'`} be fixed`,
      )
    }
    const terms = [...size.terms].map(([one, factor]) => {
      const factors = placesOf(one).map((i) => this.#axis(this.axes[i]))
      if (factor !== 1 || factors.length === 0) factors.push(this.ints([factor]))
      return factors.reduce((a, b) => this.add('Mul', [a, b]))
    })
    const name = terms.reduce((a, b) => this.add('Add', [a, b]))
    this.#names.set(key, name)
    return name
  }

  /** A size in words. */
  textOf(size: Size): string {
    return typeof size === 'number' ? `${size}` : size.text(this.axes.map(({ name }) => name))
  }

  #axis({ input, dim }: Axis): string {
    return this.#sizeOf(input, dim)
  }

  /** The size that a tensor has when the graph runs, [1]. */
  #sizeOf(x: string, dim: number): string {
    const key = `size of ${x} ${dim}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const name = this.add('Gather', [this.shapeOf(x), this.ints([dim])], { axis: 0 })
    this.#names.set(key, name)
    return name
  }

  /** The shape that a tensor has when the graph runs. */
  shapeOf(x: string): string {
    const key = `shape of ${x}`
    const name = this.#names.get(key) ?? this.add('Shape', [x])
    this.#names.set(key, name)
    return name
  }

  /** Sizes as a tensor of whole numbers. */
  sizes(sizes: Sizes): string {
    if (sizes.every((size) => typeof size === 'number')) return this.ints(sizes as number[])
    return this.add(
      'Concat',
      sizes.map((size) => this.size(size)),
      { axis: 0 },
    )
  }

  /** `x` of sizes `from` under another shape. */
  reshape(x: string, from: Sizes, to: Sizes): string {
    // 0 is as it was, -1 what is left; where both do not do, sizes are what those of x are multiplied by, or computed.
    const asBefore = to.map((size, d) =>
      size instanceof Formula && d < from.length && sameSize(size, from[d]) ? 0 : size,
    )
    const open = asBefore.filter((size) => size instanceof Formula).length
    const zeros = to.some((size) => size === 0)
    if (open <= 1 && !zeros)
      return this.add('Reshape', [
        x,
        this.ints(asBefore.map((size) => (size instanceof Formula ? -1 : size))),
      ])
    if (to.every((size) => typeof size === 'number'))
      return this.add('Reshape', [x, this.sizes(to)], { allowzero: 1 })
    const parts = to.map((size) => {
      const d = from.findIndex((one) => timesOf(size, one) !== undefined)
      if (d < 0) return this.size(size)
      const times = timesOf(size, from[d]) ?? 1
      const own = this.#sizeOf(x, d)
      return times === 1 ? own : this.add('Mul', [own, this.ints([times])])
    })
    return this.add('Reshape', [x, this.add('Concat', parts, { axis: 0 })], { allowzero: 1 })
  }

  /** Floats that are whole numbers, as such. */
  indexOf(value: AnyValue): string {
    const { source, shape } = value
    if (source.kind === 'constant' && shape.every((size, d) => size === source.shape[d]))
      return this.ints([...source.values], source.shape)
    const name = this.nameOf(value)
    if (this.indices.has(name)) return name
    return this.#wholes.get(name) ?? this.add('Cast', [name], { to: TYPES.int64 })
  }

  /** Whole numbers, as floats. */
  fromWhole(name: string): string {
    const cast = this.add('Cast', [name], { to: TYPES.float })
    this.#wholes.set(cast, name)
    return cast
  }

  /** What is true or false, as 1 and 0. */
  fromBoolean(name: string): string {
    const cast = this.add('Cast', [name], { to: TYPES.float })
    this.#booleans.set(cast, name)
    return cast
  }

  /** Whether a value is not 0. */
  toBoolean(name: string): string {
    return this.#booleans.get(name) ?? this.add('Cast', [name], { to: TYPES.bool })
  }
}
