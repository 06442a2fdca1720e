/** What a net is made of, layer by layer, with shapes, parameters, work and memory: torchinfo's `summary`. */
import { noGrad } from '../autograd/tape.js'
import { kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { zeros } from '../tensor/create.js'
import { keepingStream } from '../tensor/random.js'
import { eachTensor } from '../tensor/scope.js'
import { checkShape, type Shape, sizeOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type AnyModule, Module, Parameter } from './module.js'
import { multAddsOf } from './mult-adds.js'
import { tableOf } from './summary-table.js'

/** A layer. Where a module stands in several places, each has a row. */
export interface SummaryRow {
  /** Its path in the net, such as `features.0`; '' is the net. */
  path: string
  /** The class's name. */
  type: string
  /** How deep it stands: 0 is the net. */
  depth: number
  /** Its place among the rows of its depth, from 1. */
  index: number
  /** Whether nothing stands below it. */
  leaf: boolean
  /** Whether the module stands in a row before, too, and its parameters were counted there. */
  recursive: boolean
  /** How often its `forward` was called; 0 where a list only holds others, or the net does without it. */
  calls: number
  /** The shapes of the tensors that its last forward gave; [] where there was none. */
  outputShapes: readonly Shape[]
  /** Elements of the parameters that it has itself, not below. */
  parameters: number
  /** As many of them as are trained. */
  trainableParameters: number
  /** Multiply-adds of its own in all calls, of the whole batch. */
  multAdds: number
  /** Bytes of its outputs in all calls. */
  outputBytes: number
}

/** The sums, each parameter counted once. */
export interface SummaryTotals {
  /** Elements of all parameters. */
  parameters: number
  /** Of those that are trained. */
  trainableParameters: number
  /** Of those that are frozen. */
  nonTrainableParameters: number
  /** Multiply-adds of a forward of the whole batch. */
  multAdds: number
  /** Bytes of the inputs. */
  inputBytes: number
  /** Bytes of the outputs of layers with parameters, twice: forward, and their gradients. */
  forwardBackwardBytes: number
  /** Bytes of the parameters. */
  parameterBytes: number
  /** The three together. */
  totalBytes: number
}

/** What `summary` gives: numbers, and a table where it is printed. */
export class Summary {
  /** @internal */
  constructor(
    /** The net, and all modules below it. */
    readonly rows: readonly SummaryRow[],
    /** The sums. */
    readonly totals: SummaryTotals,
  ) {}

  /** The table, as torchinfo prints it. */
  toString(): string {
    return tableOf(this)
  }

  /** What console.log prints in Node, Bun and Deno. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** What was seen of a module. */
interface Seen {
  calls: number
  outputShapes: Shape[]
  outputBytes: number
  multAdds: number
}

type Inputs = Shape | Tensor | readonly (Shape | Tensor)[]

/**
 * Runs a net once, in evaluation mode and without recording, and tells what each layer gave and took: as torchinfo's
 * `summary(net, input_size)` (https://github.com/TylerYep/torchinfo), whose ways of counting it has (multiply-adds are
 * those of parameters; a layer's memory is that of its outputs). Where its numbers are not what is computed, these are:
 * Linear counts for each row of a sequence, not each sample; a transposed convolution at each place of its input, not of
 * its output; an embedding only looks up, and counts 0. All tensors that a layer gives have their shapes, not only the
 * first. Each module has one row, in the order in which the net holds them, not one for each call in the order of the
 * calls. Afterwards the net is as it was: modes, buffers, gradients and the stream of random numbers.
 *
 * ```ts
 * console.log(summary(net, [32, 1, 28, 28]))
 * ```
 *
 * @param net any module
 * @param inputs a shape, batch included, or one for each input of `forward`; the inputs are zeros. A tensor is taken as
 *   it is, such as indices
 * @throws {ArgumentError} for what is no module, or no shape
 * @throws {ShapeError} for a shape of something else than whole numbers; and whatever the net's forward throws
 */
export function summary(net: AnyModule, inputs: Inputs): Summary {
  if (!(net instanceof Module)) {
    throw new ArgumentError(`summary: expected a Module, got ${kindOf(net)}`)
  }
  const given = inputsOf(inputs)
  const places = net.namedModules()
  const modules = new Set(places.map(([, module]) => module))
  const seen = observe(net, modules, given)
  const rows = rowsOf(places, seen)
  const counted = rows.filter(({ leaf, recursive, parameters }) => leaf && !recursive && parameters > 0)
  const sizes = net.parameters().map(({ size, requiresGrad }) => ({ size, trained: requiresGrad ? size : 0 }))
  const parameters = sum(sizes.map(({ size }) => size))
  const trainableParameters = sum(sizes.map(({ trained }) => trained))
  const [inputBytes, parameterBytes] = [4 * sum(given.map(({ size }) => size)), 4 * parameters]
  const forwardBackwardBytes = 2 * sum(counted.map(({ outputBytes }) => outputBytes))
  return new Summary(rows, {
    parameters,
    trainableParameters,
    nonTrainableParameters: parameters - trainableParameters,
    multAdds: sum(rows.filter(({ recursive }) => !recursive).map(({ multAdds }) => multAdds)),
    inputBytes,
    forwardBackwardBytes,
    parameterBytes,
    totalBytes: inputBytes + forwardBackwardBytes + parameterBytes,
  })
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}

/** @throws {ArgumentError} @throws {ShapeError} */
function inputsOf(inputs: Inputs): Tensor[] {
  if (inputs instanceof Tensor) return [inputs]
  if (!Array.isArray(inputs)) {
    throw new ArgumentError(
      `summary: expected the shape of the input, such as [32, 1, 28, 28], or an array of shapes, got ${kindOf(inputs)}`,
    )
  }
  const several = inputs.some((one) => typeof one === 'object')
  const shapes: readonly unknown[] = several ? inputs : [inputs]
  for (const shape of shapes) if (!(shape instanceof Tensor)) checkShape('summary', shape as Shape)
  return shapes.map((one) => (one instanceof Tensor ? one : zeros(one as Shape)))
}

/** Runs the net, with hooks that note what passes, and leaves it as it was. */
function observe(
  net: AnyModule,
  modules: ReadonlySet<AnyModule>,
  inputs: readonly Tensor[],
): Map<AnyModule, Seen> {
  const seen = new Map<AnyModule, Seen>()
  const modes = [...modules].map((module) => [module, module.training] as const)
  const buffers = net.buffers().map((buffer) => {
    return { buffer, version: buffer.version, values: zeros(buffer.shape).copy_(buffer) }
  })
  const handles = [...modules].map((module) =>
    module.registerForwardHook((_, given, output) => {
      const before = seen.get(module)
      const outputShapes: Shape[] = []
      eachTensor(output, ({ shape }) => outputShapes.push(shape))
      const [first] = given as readonly unknown[]
      const input = first instanceof Tensor ? first.shape : []
      seen.set(module, {
        calls: (before?.calls ?? 0) + 1,
        outputShapes,
        outputBytes: (before?.outputBytes ?? 0) + 4 * sum(outputShapes.map(sizeOf)),
        multAdds: (before?.multAdds ?? 0) + multAddsOf(module, input, outputShapes[0] ?? []),
      })
    }),
  )
  try {
    net.eval()
    keepingStream(() => noGrad(() => Reflect.apply(net.forward, net, inputs)))
  } finally {
    for (const handle of handles) handle.remove()
    for (const [module, training] of modes) module.training = training
    // Only what the net has written itself: a graph may remember the others.
    for (const { buffer, version, values } of buffers) if (buffer.version !== version) buffer.copy_(values)
  }
  return seen
}

function rowsOf(
  places: readonly (readonly [path: string, module: AnyModule])[],
  seen: ReadonlyMap<AnyModule, Seen>,
): SummaryRow[] {
  const counted = new Set<AnyModule>()
  const perDepth: number[] = []
  return places.map(([path, module]) => {
    const depth = path === '' ? 0 : path.split('.').length
    perDepth[depth] = (perDepth[depth] ?? 0) + 1
    const recursive = counted.has(module)
    counted.add(module)
    const own = module
      .ownEntries()
      .map(([, value]) => value)
      .filter((value) => value instanceof Parameter)
    const { calls = 0, outputShapes = [], outputBytes = 0, multAdds = 0 } = seen.get(module) ?? {}
    return {
      path,
      type: module.constructor.name,
      depth,
      index: perDepth[depth],
      leaf: module.namedChildren().length === 0,
      recursive,
      calls,
      outputShapes,
      parameters: sum(own.map(({ size }) => size)),
      trainableParameters: sum(own.map(({ size, requiresGrad }) => (requiresGrad ? size : 0))),
      multAdds,
      outputBytes,
    }
  })
}
