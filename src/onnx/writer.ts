/** Puts an ONNX graph together: nodes in order, weights by name, constants once each. */
import { ArgumentError } from '../errors.js'
import { sizeOf } from '../tensor/shape.js'
import { ATTRIBUTES, type NodeProto, type Partly, type TensorProto, TYPES } from './proto.js'
import { type AnyValue, Linear, type Size, type Sizes, sameSize } from './sizes.js'

/** Attributes of a node: whole numbers, unless `float` says otherwise. */
export type NodeAttributes = Readonly<
  Record<string, number | string | readonly number[] | readonly string[] | Float | undefined>
>

/** A number that is none of the whole ones. */
export interface Float {
  float: number
}

export const float = (value: number): Float => ({ float: value })

/** An input of nodes that is left out. */
export const NONE = ''

export class Writer {
  readonly nodes: Partly<NodeProto>[] = []
  readonly initializers: Partly<TensorProto>[] = []
  /** Inputs of the graph that are read as whole numbers. */
  readonly indices = new Set<string>()
  readonly #constants = new Map<string, string>()
  readonly #states = new Set<string>()
  readonly #names = new Map<AnyValue['source'] | string, string>()
  readonly #booleans = new Map<string, string>()
  #count = 0

  /**
   * @param opset version of the operators that are written
   * @param batch name of a graph's input, and the dimension of it that is the batch
   */
  constructor(
    readonly opset: number,
    readonly batch: { name: string; dim: number } | undefined,
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
      case 'constant': {
        const known = this.#names.get(source)
        if (known !== undefined) return known
        const base = this.floats(source.values, source.shape)
        const name = shape.every((size, d) => size === source.shape[d])
          ? base
          : this.add('Expand', [base, this.sizes(shape)])
        this.#names.set(source, name)
        return name
      }
    }
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

  /** A size as a tensor of whole numbers, [1]. */
  size(size: Size): string {
    if (typeof size === 'number') return this.ints([size])
    const key = `size ${size.slope} ${size.offset}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    let name = this.#batchSize()
    if (size.slope !== 1) name = this.add('Mul', [name, this.ints([size.slope])])
    if (size.offset !== 0) name = this.add('Add', [name, this.ints([size.offset])])
    this.#names.set(key, name)
    return name
  }

  #batchSize(): string {
    const known = this.#names.get('batch')
    if (known !== undefined) return known
    if (!this.batch) throw new Error('there is no batch')
    const shape = this.add('Shape', [this.batch.name])
    const name = this.add('Gather', [shape, this.ints([this.batch.dim])], { axis: 0 })
    this.#names.set('batch', name)
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
    // 0 is as it was, -1 what is left; only where both do not do, the sizes are computed.
    const asBefore = to.map((size, d) =>
      size instanceof Linear && d < from.length && sameSize(size, from[d]) ? 0 : size,
    )
    const open = asBefore.filter((size) => size instanceof Linear).length
    const zeros = to.some((size) => size === 0)
    if (open > 1 || zeros) return this.add('Reshape', [x, this.sizes(to)], { allowzero: 1 })
    return this.add('Reshape', [x, this.ints(asBefore.map((size) => (size instanceof Linear ? -1 : size)))])
  }

  /** Floats that are whole numbers, as such. */
  indexOf(value: AnyValue): string {
    const { source, shape } = value
    if (source.kind === 'constant' && shape.every((size, d) => size === source.shape[d]))
      return this.ints([...source.values], source.shape)
    const name = this.nameOf(value)
    return this.indices.has(name) ? name : this.add('Cast', [name], { to: TYPES.int64 })
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

const bytesOf = (text: string) => new TextEncoder().encode(text)

function floatTensor(name: string, values: Float32Array, dims: readonly number[]): Partly<TensorProto> {
  if (sizeOf(dims) !== values.length)
    throw new ArgumentError(`'${name}' has ${values.length} values for the shape [${dims}]`)
  return { name, dims: dims.map(BigInt), dataType: TYPES.float, rawData: littleEndian(values) }
}

function littleEndian(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  const view = new DataView(bytes.buffer)
  for (const [i, value] of values.entries()) view.setFloat32(4 * i, value, true)
  return bytes
}

type Attribute = NonNullable<Partly<NodeProto>['attribute']>[number]

function attribute(name: string, value: NonNullable<NodeAttributes[string]>): Attribute {
  if (typeof value === 'number') return { name, type: ATTRIBUTES.int, i: BigInt(value) }
  if (typeof value === 'string') return { name, type: ATTRIBUTES.string, s: bytesOf(value) }
  if ('float' in value) return { name, type: ATTRIBUTES.float, f: value.float }
  return value.some((one) => typeof one === 'string')
    ? { name, type: ATTRIBUTES.strings, strings: value.map((one) => bytesOf(String(one))) }
    : { name, type: ATTRIBUTES.ints, ints: value.map((one) => BigInt(one)) }
}
