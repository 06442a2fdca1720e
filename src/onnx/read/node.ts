/** A node of a graph, as operators see it. */
import { DataError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { ATTRIBUTES, type AttributeProto, type NodeProto } from '../proto.js'
import { Host, tensorOf, type Val } from './host.js'
import { hostOf } from './values.js'

/** What an operator gives, in order; what nobody reads may be left out. */
export type Results = readonly (Val | undefined)[]

/** Computes a node. */
export type Operator = (use: Use) => Val | Results

/** A node's attributes, read once. */
export class Node {
  readonly #attributes = new Map<string, AttributeProto>()
  readonly #tensors = new Map<string, Host>()
  readonly #unread = new Set<string>()

  constructor(
    readonly proto: NodeProto,
    /** The version of the operators. */
    readonly opset: number,
    where: string,
  ) {
    for (const attribute of proto.attribute) {
      this.#attributes.set(attribute.name, attribute)
      this.#unread.add(attribute.name)
      if (attribute.t) this.#tensors.set(attribute.name, hostOf(attribute.t, `${where}: ${this.text}`))
    }
  }

  /** What errors call it. */
  get text(): string {
    const { name, opType, output } = this.proto
    return `the node '${name || (output[0] ?? '')}' (${opType})`
  }

  fail(what: string): DataError {
    return new DataError(`${this.text}: ${what}`)
  }

  has(name: string): boolean {
    return this.#attribute(name) !== undefined
  }

  /** The options that no operator has asked for. */
  get unread(): ReadonlySet<string> {
    return this.#unread
  }

  #attribute(name: string): AttributeProto | undefined {
    this.#unread.delete(name)
    return this.#attributes.get(name)
  }

  int(name: string, usual: number): number {
    const attribute = this.#attribute(name)
    return attribute ? Number(attribute.i) : usual
  }

  float(name: string, usual: number): number {
    return this.#attribute(name)?.f ?? usual
  }

  text8(name: string, usual: string): string {
    const attribute = this.#attribute(name)
    return attribute ? new TextDecoder().decode(attribute.s) : usual
  }

  ints(name: string): number[] | undefined {
    return this.#attribute(name)?.ints.map(Number)
  }

  floats(name: string): number[] | undefined {
    return this.#attribute(name)?.floats
  }

  strings(name: string): string[] | undefined {
    return this.#attribute(name)?.strings.map((bytes) => new TextDecoder().decode(bytes))
  }

  tensor(name: string): Host | undefined {
    this.#unread.delete(name)
    return this.#tensors.get(name)
  }

  /** Whether it has a graph in it, as If and Loop do. */
  get hasGraph(): boolean {
    return [...this.#attributes.values()].some(({ type }) => type === ATTRIBUTES.graph)
  }
}

/** One run of a node. */
export class Use {
  constructor(
    readonly node: Node,
    readonly inputs: readonly (Val | undefined)[],
    /** Whether the net is in training. */
    readonly training: boolean,
    /** Tensors that are known to hold whole numbers. */
    readonly wholes: WeakSet<Tensor>,
  ) {}

  /** Input `i`. @throws {DataError} where there is none */
  val(i: number): Val {
    const value = this.inputs[i]
    if (value === undefined) throw this.node.fail(`it has no input ${i}`)
    return value
  }

  /** Input `i` as a tensor. */
  tensor(i: number): Tensor {
    return tensorOf(this.val(i))
  }

  tensorOr(i: number): Tensor | undefined {
    const value = this.inputs[i]
    return value && tensorOf(value)
  }

  get hosts(): readonly Host[] | undefined {
    return this.inputs.every((value) => value instanceof Host) ? (this.inputs as Host[]) : undefined
  }

  shape(i: number): readonly number[] {
    return this.val(i).shape
  }

  /** Input `i` as plain numbers; undefined where it is left out. @throws {DataError} where it depends on the net's inputs */
  numbersOr(i: number): number[] | undefined {
    const value = this.inputs[i]
    if (value === undefined) return undefined
    if (value instanceof Host) return Array.from(value.values)
    throw this.node.fail(
      `its input ${i} is computed from the values of the net's inputs; only sizes, indices and options that are known before are read there`,
    )
  }

  numbers(i: number): number[] {
    const numbers = this.numbersOr(i)
    if (!numbers) throw this.node.fail(`it has no input ${i}`)
    return numbers
  }

  /** Numbers that are an input in newer versions and an attribute in older ones. */
  option(i: number, attribute: string): number[] | undefined {
    return this.numbersOr(i) ?? this.node.ints(attribute)
  }

  /** A dimension of `rank`, −1 being the last. @throws {DataError} */
  dim(d: number, rank: number): number {
    const at = d < 0 ? d + rank : d
    if (Number.isInteger(at) && at >= 0 && at < Math.max(1, rank)) return at
    throw this.node.fail(`there is no dimension ${d} of ${rank}`)
  }

  /** Whether an input holds whole numbers. */
  isWhole(i: number): boolean {
    const value = this.val(i)
    return value instanceof Host ? value.kind !== 'float' : this.wholes.has(value)
  }

  asWhole(x: Tensor): Tensor {
    this.wholes.add(x)
    return x
  }

  /** `y`, made of elements of `x`: whole numbers where those are. */
  sameKind(x: Tensor, y: Tensor): Tensor {
    return this.wholes.has(x) ? this.asWhole(y) : y
  }
}
