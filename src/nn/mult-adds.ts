/**
 * Multiply-adds of a layer's own parameters in one forward, as torchinfo counts them but for what stands in brackets:
 *
 * - a convolution's: each parameter at each place of the output of each sample (of the input where it is transposed;
 *   torchinfo: of the output, which is more by the stride);
 * - Linear's: each parameter for each row of the output (torchinfo: for each sample, which is less in sequences);
 * - a recurrent layer's, and attention's: each parameter for each step of each sample;
 * - an embedding's: none, since it only looks up (torchinfo: each parameter for each sample);
 * - any other's, such as a norm's: each parameter for each sample.
 */
import { type Shape, sizeOf } from '../tensor/shape.js'
import { type AnyModule, Parameter } from './module.js'

/** How often each parameter is used, by a class's name: the first that fits. */
const USES: readonly (readonly [name: RegExp, uses: (input: Shape, output: Shape) => number])[] = [
  [/^ConvTranspose/, (input) => (input[0] ?? 1) * sizeOf(input.slice(2))],
  [/^Conv/, (_, output) => (output[0] ?? 1) * sizeOf(output.slice(2))],
  [/Linear$/, (_, output) => sizeOf(output.slice(0, -1))],
  [/^Embedding/, () => 0],
  [/^(RNN|LSTM|GRU|MultiheadAttention)$/, (_, output) => sizeOf(output.slice(0, 2))],
]

/** The names of a module's class, and of those that it derives from. */
function classNames(module: AnyModule): string[] {
  const names: string[] = []
  for (let at: unknown = Object.getPrototypeOf(module); at; at = Object.getPrototypeOf(at)) {
    names.push((at as object).constructor.name)
  }
  return names
}

/** The multiply-adds of one call, from the shapes of its first input and its first output. */
export function multAddsOf(module: AnyModule, input: Shape, output: Shape): number {
  const names = classNames(module)
  const uses = USES.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1]
  const times = uses ? uses(input, output) : (output[0] ?? 1)
  let total = 0
  for (const [, value] of module.ownEntries()) {
    if (value instanceof Parameter) total += value.size * times
  }
  return total
}
