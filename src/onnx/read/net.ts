import { kindOf } from '../../check.js'
import { ArgumentError, DataError, SimdgradError } from '../../errors.js'
import { Parameter } from '../../nn/parameter.js'
import { fromValues } from '../../tensor/create.js'
import { scoped } from '../../tensor/scope.js'
import { Tensor } from '../../tensor/tensor.js'
import { type Host, HostBudget, tensorOf, type Val } from './host.js'
import { type Node, type Results, Use } from './node.js'
import { HARMLESS, operatorOf } from './operators.js'
import { OnnxTree } from './state.js'

/** An input of a graph: its name, and whether it holds whole numbers. */
export interface GraphInput {
  readonly name: string
  readonly whole: boolean
  /** How many dimensions it has; undefined where the file does not say. */
  readonly rank: number | undefined
}

/** A graph, checked. */
export interface Graph {
  readonly inputs: readonly GraphInput[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
  /** The values of the file. */
  readonly values: ReadonlyMap<string, Host>
  /** Which of them are trained, and which are statistics that training moves. */
  readonly trained: ReadonlySet<string>
  readonly statistics: ReadonlySet<string>
}

/**
 * A net of an ONNX file: its forward runs the graph's nodes, by the same operations as a net of layers, so that it can be
 * trained on, compiled, saved and exported again. Its parameters have the names that the file has.
 */
export class OnnxNet<Output = Tensor> extends OnnxTree<Tensor[], Output> {
  /** The names of what `forward` takes, in order. */
  readonly inputNames: readonly string[]
  /** The names of what it gives, in order. */
  readonly outputNames: readonly string[]
  /** What the file carries along, by name. An object without a prototype. */
  readonly metadata: Readonly<Record<string, string>>
  readonly #graph: Graph
  /** Constants, and what is computed of them alone. */
  readonly #constants = new Map<string, Host>()
  readonly #tensors = new Map<string, Tensor>()
  readonly #steps: readonly Node[]

  /** @internal */
  constructor(graph: Graph, metadata: Readonly<Record<string, string>>) {
    super()
    this.#graph = graph
    this.inputNames = graph.inputs.map(({ name }) => name)
    this.outputNames = graph.outputs
    this.metadata = metadata
    for (const [name, host] of graph.values) {
      if (!graph.trained.has(name) && !graph.statistics.has(name)) {
        this.#constants.set(name, host)
        continue
      }
      const x = fromValues(Float32Array.from(host.values), [...host.shape])
      const tensor = graph.trained.has(name) ? new Parameter(x) : x
      this.put(name, tensor)
      this.#tensors.set(name, tensor)
    }
    this.#steps = this.#fold()
  }

  /** Computes what depends on constants alone, once; gives the other nodes. */
  #fold(): Node[] {
    const none = new WeakSet<Tensor>()
    const budget = new HostBudget()
    return this.#graph.nodes.filter((node) => {
      const { input, output } = node.proto
      if (!input.every((name) => name === '' || this.#constants.has(name))) return true
      const given = input.map((name) => this.#constants.get(name))
      const results = scoped(() =>
        run(new Use(node, given, false, none)).map((value) => (value instanceof Tensor ? undefined : value)),
      )
      for (const result of results) budget.take(result, node.text)
      const all = output.every((name, i) => name === '' || results[i] !== undefined)
      if (all) for (const [i, name] of output.entries()) if (results[i]) this.#constants.set(name, results[i])
      return !all
    })
  }

  /**
   * Runs the graph.
   *
   * @param inputs the tensors of `inputNames`; indices are whole numbers
   * @returns the output, or, of several, an array in the order of `outputNames`
   * @throws {ArgumentError} for another number of inputs, or what is no tensor
   * @throws {SimdgradError} naming the node that can't compute them, as for shapes that do not fit
   */
  override forward(...inputs: Tensor[]): Output {
    return this.#forward(inputs) as Output
  }

  #forward(given: readonly Tensor[]): Tensor | Tensor[] {
    const { inputs, outputs } = this.#graph
    if (given.length !== inputs.length) {
      throw new ArgumentError(
        `OnnxNet: expected ${inputs.length} inputs (${this.inputNames.join(', ')}), got ${given.length}`,
      )
    }
    const wholes = new WeakSet<Tensor>()
    const results = scoped(() => {
      const values = new Map<string, Val>([...this.#constants, ...this.#tensors])
      for (const [i, { name, whole, rank }] of inputs.entries()) {
        const x: unknown = given[i]
        if (!(x instanceof Tensor))
          throw new ArgumentError(`OnnxNet: input '${name}' is a tensor, got ${kindOf(x)}`)
        if (rank !== undefined && x.shape.length !== rank)
          throw new ArgumentError(`OnnxNet: input '${name}' has ${rank} dimensions, got [${x.shape}]`)
        if (whole) wholes.add(x)
        values.set(name, x)
      }
      const budget = new HostBudget()
      for (const node of this.#steps) {
        const { input, output } = node.proto
        const all = input.map((name) => (name === '' ? undefined : values.get(name)))
        const made = run(new Use(node, all, this.training, wholes))
        for (const [i, name] of output.entries()) {
          const value = made[i]
          budget.take(value, node.text)
          if (value !== undefined) values.set(name, value)
        }
      }
      return outputs.map((name) => {
        const value = values.get(name)
        if (value === undefined) throw new DataError(`OnnxNet: nothing gives the output '${name}'`)
        return tensorOf(value)
      })
    })
    return results.length === 1 ? results[0] : results
  }
}

/** Runs a node. What it throws names it. */
function run(use: Use): Results {
  const { node } = use
  const operator = operatorOf(node.proto.opType)
  if (!operator) throw node.fail('there is no such operator here')
  let result: Val | Results
  try {
    result = operator(use)
  } catch (cause) {
    if (cause instanceof DataError && cause.message.startsWith(node.text)) throw cause
    if (!(cause instanceof SimdgradError)) throw cause
    // Of the same kind, and as typed as it was.
    const named: SimdgradError = Object.create(
      Object.getPrototypeOf(cause),
      Object.getOwnPropertyDescriptors(cause),
    )
    Object.defineProperty(named, 'message', {
      value: `${node.text}: ${cause.message}`,
      configurable: true,
      writable: true,
    })
    throw named
  }
  // What an option changes would be wrong in silence.
  for (const name of node.unread)
    if (!HARMLESS.get(node.proto.opType)?.includes(name)) throw node.fail(`its option ${name} is not read`)
  return Array.isArray(result) ? (result as Results) : [result as Val]
}
