/** What is checked of an ONNX model before anything is made of it, and which of its values are weights. */
import { DataError } from '../../errors.js'
import type { GraphProto, ModelProto, ValueInfoProto } from '../proto.js'
import type { Host } from './host.js'
import type { Graph, GraphInput } from './net.js'
import { Node } from './node.js'
import { operatorOf } from './operators.js'
import { hostOf, kindOfType } from './values.js'

/** Names of ONNX's own operators. */
const OWN_DOMAINS = ['', 'ai.onnx']

/** Inputs of operators that are weights, whatever these are called. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
  Gather: [0],
  PRelu: [1],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LSTM: [1, 2, 3],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
}

/** Names that exporters make up for what has none in Python. */
const MADE_UP = /^(?:val_\d+|\/.*|constant.*|const_.*|node_.*|_.*|\d+)$/i

/** A model's graph. @throws {DataError} naming what is not read, or can't be */
export function graphOf(model: ModelProto, where: string): Graph {
  const wrong = (what: string) => new DataError(`${where}: ${what}`)
  const { graph } = model
  if (!graph || graph.node.length === 0)
    throw wrong('it is no ONNX model, or an empty one: it has no graph. Check the path, or export it again')
  const opset = Number(model.opsetImport.find(({ domain }) => OWN_DOMAINS.includes(domain))?.version ?? 0)
  if (opset < 7) throw wrong(`its operators are of version ${opset}; from 7 on they are read`)
  if (graph.sparseInitializer.length > 0) throw wrong('it has sparse weights, which are not read')
  const nodes = graph.node.map((proto) => {
    const node = new Node(proto, opset, where)
    if (!OWN_DOMAINS.includes(proto.domain))
      throw wrong(`${node.text} is of '${proto.domain}', whose operators are not read`)
    if (node.hasGraph || !operatorOf(proto.opType))
      throw wrong(`${node.text} is an operator that is not read; docs/onnx.md lists those that are`)
    return node
  })
  const values = new Map<string, Host>()
  for (const tensor of graph.initializer) {
    if (values.has(tensor.name)) throw wrong(`it has the weight ${JSON.stringify(tensor.name)} twice`)
    values.set(tensor.name, hostOf(tensor, where))
  }
  const inputs = inputsOf(graph, values, wrong)
  checkOrder(nodes, new Set([...values.keys(), ...inputs.map(({ name }) => name)]), graph, wrong)
  const outputs = graph.output.map(({ name }) => name)
  const own = untied(nodes, values, outputs)
  return { inputs, outputs, nodes: own, values, ...weightsOf(own, values) }
}

/**
 * Exporters keep weights of the same values once, and name the others by Identity. Zeros and ones are the same by chance,
 * as every norm begins with them: these become weights of their own again. All others are tied, as in an autoencoder.
 */
function untied(nodes: readonly Node[], values: Map<string, Host>, outputs: readonly string[]): Node[] {
  return nodes.filter(({ proto: { opType, input, output } }) => {
    if (opType !== 'Identity') return true
    const host = values.get(input[0])
    const [name] = output
    if (!host || !isUniform(host) || MADE_UP.test(name) || outputs.includes(name)) return true
    values.set(name, host)
    return false
  })
}

/** Old files name their weights among the inputs. */
function inputsOf(
  graph: GraphProto,
  values: ReadonlyMap<string, Host>,
  wrong: (what: string) => DataError,
): GraphInput[] {
  if (graph.output.length === 0) throw wrong('its graph has no output')
  return graph.input
    .filter(({ name }) => !values.has(name))
    .map((info) => {
      const { elemType, rank } = typeOf(info)
      const kind = elemType === undefined ? undefined : kindOfType(elemType)
      if (!kind) throw wrong(`its input ${JSON.stringify(info.name)} is no tensor of numbers`)
      return { name: info.name, whole: kind !== 'float', rank }
    })
}

function typeOf({ type }: ValueInfoProto): { elemType?: number; rank?: number | undefined } {
  const value = type?.value
  if (value?.case !== 'tensorType') return {}
  const { elemType, shape } = value.value as { elemType: number; shape?: { dim: unknown[] } }
  return { elemType, rank: shape?.dim.length }
}

/** Each value is made once, and before it is used. */
function checkOrder(
  nodes: readonly Node[],
  known: Set<string>,
  graph: GraphProto,
  wrong: (what: string) => DataError,
): void {
  for (const node of nodes) {
    const missing = node.proto.input.find((name) => name !== '' && !known.has(name))
    if (missing !== undefined)
      throw wrong(`${node.text} takes ${JSON.stringify(missing)}, which nothing before it gives`)
    for (const name of node.proto.output) {
      if (name === '') continue
      if (known.has(name)) throw wrong(`${node.text} gives ${JSON.stringify(name)} a second time`)
      known.add(name)
    }
  }
  const missing = graph.output.find(({ name }) => !known.has(name))
  if (missing) throw wrong(`nothing gives the output ${JSON.stringify(missing.name)}`)
}

/** Which values are trained: weights by their place, and what has a name of its own. */
function weightsOf(
  nodes: readonly Node[],
  values: ReadonlyMap<string, Host>,
): Pick<Graph, 'trained' | 'statistics'> {
  const statistics = new Set<string>()
  const weights = new Set<string>()
  // What an Identity gives is the same.
  const same = new Map<string, string>()
  for (const { proto } of nodes) {
    const input = proto.input.map((name) => same.get(name) ?? name)
    if (proto.opType === 'Identity') same.set(proto.output[0], input[0])
    if (proto.opType === 'BatchNormalization') for (const name of input.slice(3, 5)) statistics.add(name)
    const norm = proto.opType === 'InstanceNormalization'
    for (const i of WEIGHTS[proto.opType] ?? []) {
      const host = values.get(input[i])
      // A group norm is an instance norm with ones and zeros, which nobody trains.
      if (host && !(norm && MADE_UP.test(input[i]) && isUniform(host))) weights.add(input[i])
    }
  }
  const trained = new Set<string>()
  for (const [name, host] of values) {
    if (host.kind !== 'float' || statistics.has(name)) continue
    const own = !MADE_UP.test(name) || /^onnx::/.test(name)
    const sound = Array.prototype.every.call(host.values, Number.isFinite)
    if (sound && (weights.has(name) || (own && host.shape.length > 0))) trained.add(name)
  }
  for (const name of [...statistics]) if (values.get(name)?.kind !== 'float') statistics.delete(name)
  return { trained, statistics }
}

function isUniform({ values }: Host): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false
  return true
}
