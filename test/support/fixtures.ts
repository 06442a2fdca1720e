import { readFileSync } from 'node:fs'
import { type Tensor, tensor } from 'simdgrad'

/** A tensor as the fixtures hold it. */
export interface Encoded {
  shape: number[]
  /** Base64 of little-endian float32. */
  data: string
}

/** The path of a file in test/fixtures. */
export function fixturePath(name: string): URL {
  return new URL(`../fixtures/${name}`, import.meta.url)
}

/** A JSON file of test/fixtures. `T` is what make_fixtures.py wrote there. */
export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(fixturePath(name), 'utf8')) as T
}

/** The values, in row-major order. */
export function decode({ data }: Encoded): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'))
  return new Float32Array(bytes.buffer)
}

/** The tensor. */
export function decodeTensor(encoded: Encoded, requiresGrad = false): Tensor {
  return tensor(decode(encoded), { shape: encoded.shape, requiresGrad })
}

/** A case of operations.json. */
export interface OperationCase {
  name: string
  op: string
  target: 'method' | 'functional'
  /** Arguments, the first being the tensor of a method; see `resolve`. */
  args: unknown[]
  inputs: (Encoded & { requiresGrad: boolean })[]
  /** Which of several results is meant, as the name or number that it has among them. */
  part?: string | number
  output: Encoded
  /** The output's gradient; null where nothing is differentiated. */
  cotangent: Encoded | null
  /** The inputs' gradients. */
  grads: (Encoded | null)[]
  /** Running statistics after the call. */
  expect?: Record<string, Encoded>
}

/** Puts tensors in the place of `{ tensor: i }`, transposed or permuted where that is asked for. */
export function resolve(arg: unknown, tensors: readonly Tensor[]): unknown {
  if (Array.isArray(arg)) return arg.map((each) => resolve(each, tensors))
  if (typeof arg !== 'object' || arg === null) return arg
  if (!('tensor' in arg)) {
    return Object.fromEntries(Object.entries(arg).map(([key, value]) => [key, resolve(value, tensors)]))
  }
  const {
    tensor: i,
    transpose,
    permute,
  } = arg as { tensor: number; transpose?: [number, number]; permute?: number[] }
  if (transpose) return tensors[i].transpose(...transpose)
  return permute ? tensors[i].permute(permute) : tensors[i]
}
