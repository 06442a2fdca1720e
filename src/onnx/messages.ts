/** Parts of an ONNX file, made of plain values. */
import { ArgumentError } from '../errors.js'
import { sizeOf } from '../tensor/shape.js'
import { ATTRIBUTES, type NodeProto, type Partly, type TensorProto, TYPES } from './proto.js'

/** Attributes of a node: whole numbers, unless `float` says otherwise. */
export type NodeAttributes = Readonly<
  Record<string, number | string | readonly number[] | readonly string[] | Float | undefined>
>

/** A number that is none of the whole ones. */
export interface Float {
  float: number
}

export const float = (value: number): Float => ({ float: value })

const bytesOf = (text: string) => new TextEncoder().encode(text)

/** A tensor of floats. @throws {ArgumentError} where there are not as many as the shape says */
export function floatTensor(
  name: string,
  values: Float32Array,
  dims: readonly number[],
): Partly<TensorProto> {
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

/** An attribute of a node. */
export function attribute(name: string, value: NonNullable<NodeAttributes[string]>): Attribute {
  if (typeof value === 'number') return { name, type: ATTRIBUTES.int, i: BigInt(value) }
  if (typeof value === 'string') return { name, type: ATTRIBUTES.string, s: bytesOf(value) }
  if ('float' in value) return { name, type: ATTRIBUTES.float, f: value.float }
  return value.some((one) => typeof one === 'string')
    ? { name, type: ATTRIBUTES.strings, strings: value.map((one) => bytesOf(String(one))) }
    : { name, type: ATTRIBUTES.ints, ints: value.map((one) => BigInt(one)) }
}
