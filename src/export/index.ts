/** Trained nets as files of their own: `simdgrad/export`. */
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { type FrozenCopyOptions, frozenCopy } from '../nn/frozen-copy.js'
import { type AnyModule, Module } from '../nn/module.js'
import { keepingStream, randn } from '../tensor/random.js'
import type { Shape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { writeC } from './c.js'
import { compileNet } from './compile.js'
import { writeJavaScript } from './javascript.js'
import { KERNELS } from './kernels.js'
import { type Int8Loss, type MeasuredBatches, measureLoss } from './loss.js'
import type { Program } from './program.js'

export type { Int8Loss, MeasuredBatches } from './loss.js'

/** Options of toJavaScript and toC. */
export interface ExportOptions<M> extends FrozenCopyOptions<M> {
  /** What the function is called. Default `predict`. */
  name?: string
  /**
   * How the file has the weights of linear layers, convolutions, embeddings and recurrent layers: as they are, or as whole
   * numbers from −127 to 127 with a scale for each output channel, which is a quarter of the bytes. Everything else, and
   * what is computed, is float32 in both. Default 'float32'.
   */
  weights?: 'float32' | 'int8'
  /** Batches, as a DataLoader gives them, on which `loss` says what weights of eight bits cost. Goes with 'int8'. */
  data?: MeasuredBatches
}

/** A net as a file. */
export interface ExportedNet {
  /** The file. */
  code: string
  /** Bytes of the file. */
  bytes: number
  /** Bytes of weights and tables in it, as they are in memory. */
  weightBytes: number
  /** Bytes of memory that it computes in. */
  memoryBytes: number
  /** What its function takes, in order; each is an array of so many values. */
  inputs: readonly Shape[]
  /** What it gives. */
  outputs: readonly Shape[]
  /** What weights of eight bits cost on the `data`; undefined where there was none. */
  loss: Int8Loss | undefined
}

/**
 * A trained net as one module of plain JavaScript: loops, with the weights in it, without any dependency. It exports one
 * function, which takes an array of numbers for each argument of the net's forward and gives a Float32Array (where the net
 * gives several tensors, an array of them).
 *
 * The forward is run once, and what it does is written down, so it may be written in any way; batch norm is folded away
 * before. An operation that has no form in a file is named in an error, and so is a forward that reads values.
 *
 * ```ts
 * import { toJavaScript } from 'simdgrad/export'
 * await writeFile('net.js', toJavaScript(net, { inputs: [1, 1, 28, 28] }).code)
 * ```
 *
 * @param net any net; it is left as it was
 * @param options `inputs` tells what its forward takes, batch included: the file takes just that. Default: one row, of a
 *   shape that the net accepts
 * @throws {ArgumentError} for options that are none, an input that can't be guessed, a net that can't be copied, or what
 *   has no form in a file
 */
export function toJavaScript<M extends AnyModule>(net: M, options: ExportOptions<M> = {}): ExportedNet {
  return toFile('toJavaScript', net, options, writeJavaScript)
}

/**
 * A trained net as one file of C99: static arrays, no allocation, no dependency but the compiler's math.h. It has one
 * function, `void predict(const float *input, float *output)`, with a pointer for each input and each result; a comment at
 * the top says their sizes. Otherwise as `toJavaScript`.
 *
 * ```ts
 * import { toC } from 'simdgrad/export'
 * const { code, loss } = toC(net, { inputs: [1, 1, 28, 28], weights: 'int8', data: testLoader })
 * ```
 *
 * @param net any net; it is left as it was
 * @param options as of toJavaScript
 * @throws {ArgumentError} as toJavaScript
 */
export function toC<M extends AnyModule>(net: M, options: ExportOptions<M> = {}): ExportedNet {
  return toFile('toC', net, options, writeC)
}

/** What the file has itself, or its language. */
const TAKEN =
  /^(memory|decode|(input|output)\d*|[mqsw]\d+|main|(const|int|float|void|static|for|if|else|return|let|function|export|new|null|while|do|switch|case|break|continue|default|class|this|typeof|import|var|char|double|long|short|signed|unsigned|struct|union|enum|extern|register|volatile|inline|goto|sizeof|auto|typedef|restrict|delete|in|of|try|catch|throw|with|yield|await|super|void|true|false|eval|arguments|abs|exp|log|pow|sqrt|sin|cos|tan|tanh|floor|ceil|round|erf|rint)f?)$/

type Write = (program: Program, name: string) => { text: string; memory: number; weightBytes: number }

function toFile<M extends AnyModule>(
  by: string,
  net: M,
  options: ExportOptions<M>,
  write: Write,
): ExportedNet {
  if (!(net instanceof Module)) throw new ArgumentError(`${by}: expected a Module, got ${kindOf(net)}`)
  checkOptions(by, options, ['inputs', 'into', 'tolerance', 'fold', 'name', 'weights', 'data'])
  const { name = 'predict', weights = 'float32', data, ...others } = options
  if (typeof name !== 'string' || !/^[A-Za-z_]\w*$/.test(name)) {
    throw new ArgumentError(
      `${by}: name is that of a function, of letters, digits and _, got ${kindOf(name)}`,
    )
  }
  if (KERNELS.has(name) || TAKEN.test(name)) {
    throw new ArgumentError(
      `${by}: the name '${name}' is taken in the file; another one is free, such as 'my_${name}'`,
    )
  }
  if (weights !== 'float32' && weights !== 'int8') {
    throw new ArgumentError(`${by}: weights are 'float32' or 'int8', got ${kindOf(weights)}`)
  }
  if (data !== undefined && weights !== 'int8') {
    throw new ArgumentError(`${by}: data measures what weights: 'int8' costs; leave it out, or ask for them`)
  }
  const { copy, shapes } = frozenCopy(by, net, others)
  if (!shapes) {
    throw new ArgumentError(
      `${by}: the shape of the input of ${net.constructor.name} can't be guessed; give it, as { inputs: [1, 3, 32, 32] }`,
    )
  }
  const compiled = compileNet(by, copy, inputsOf(others.inputs, shapes), weights === 'int8')
  const { program } = compiled
  const { text, memory, weightBytes } = write(program, name)
  return {
    code: text,
    bytes: new TextEncoder().encode(text).length,
    weightBytes,
    memoryBytes: 4 * memory,
    inputs: program.inputs.map(({ shape }) => shape),
    outputs: program.outputs.map(({ shape }) => shape),
    loss: data && measureLoss(by, copy, compiled, data),
  }
}

/** What the forward is run with: the tensors that were given, and random ones; of a guess, one row. */
function inputsOf(given: ExportOptions<AnyModule>['inputs'], shapes: readonly Shape[]): Tensor[] {
  const all: readonly unknown[] = given instanceof Tensor ? [given] : Array.isArray(given) ? given : []
  return keepingStream(() =>
    shapes.map((shape, i) => {
      const one = all[i]
      if (one instanceof Tensor) return one.detach()
      return randn(given === undefined ? [1, ...shape.slice(1)] : shape)
    }),
  )
}
