/**
 * ONNX's messages (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), as far as they are read and written here, and
 * what turns them into bytes and back: @bufbuild/protobuf, which is kept by the makers of Buf, needs no generated code, no
 * `eval` and no other package. It is loaded when it is first needed.
 */
import { DataError, SimdgradError } from '../errors.js'
import { DESCRIPTOR, MODEL } from './descriptor.generated.js'

/** Types of a tensor's elements. */
export const TYPES = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const

/** Types of an attribute. */
export const ATTRIBUTES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const

/** A tensor with its values. */
export interface TensorProto {
  dims: bigint[]
  dataType: number
  name: string
  rawData: Uint8Array
  floatData: number[]
  int32Data: number[]
  int64Data: bigint[]
  doubleData: number[]
  uint64Data: bigint[]
  dataLocation: number
  externalData: { key: string; value: string }[]
}

export interface AttributeProto {
  name: string
  type: number
  f: number
  i: bigint
  s: Uint8Array
  t?: TensorProto | undefined
  floats: number[]
  ints: bigint[]
  strings: Uint8Array[]
}

export interface NodeProto {
  input: string[]
  output: string[]
  name: string
  opType: string
  domain: string
  attribute: AttributeProto[]
}

/** A size, or a name for one that is not known before. */
export type Dimension = {
  value: { case: 'dimValue'; value: bigint } | { case: 'dimParam'; value: string } | { case: undefined }
}

export interface ValueInfoProto {
  name: string
  type?: {
    value:
      | { case: 'tensorType'; value: { elemType: number; shape?: { dim: Dimension[] } | undefined } }
      | { case: string | undefined; value?: unknown }
  }
}

export interface GraphProto {
  name: string
  node: NodeProto[]
  initializer: TensorProto[]
  sparseInitializer: unknown[]
  input: ValueInfoProto[]
  output: ValueInfoProto[]
}

export interface ModelProto {
  irVersion: bigint
  opsetImport: { domain: string; version: bigint }[]
  producerName: string
  producerVersion: string
  graph?: GraphProto | undefined
  functions: unknown[]
  metadataProps: { key: string; value: string }[]
}

/** What may be left out when a message is made. */
export type Partly<T> = T extends Uint8Array | bigint | string | number
  ? T
  : T extends readonly (infer E)[]
    ? readonly Partly<E>[]
    : T extends object
      ? { [K in keyof T]?: Partly<T[K]> | undefined }
      : T

/** Reads and writes models. */
export interface Codec {
  /** @throws {DataError} for bytes that are no model */
  decode(bytes: Uint8Array, where: string): ModelProto
  encode(model: Partly<ModelProto>): Uint8Array
}

let codec: Codec | undefined

/** @throws {SimdgradError} where the package is not installed */
export async function loadCodec(): Promise<Codec> {
  codec ??= await made()
  return codec
}

async function made(): Promise<Codec> {
  const [protobuf, { fileDesc, messageDesc }] = await libraries()
  const schema = messageDesc(fileDesc(DESCRIPTOR), MODEL)
  return {
    decode(bytes, where) {
      try {
        return protobuf.fromBinary(schema, bytes) as unknown as ModelProto
      } catch (cause) {
        // Whatever it throws, and be it for want of stack: the bytes are to blame.
        throw new DataError(
          `${where} is no ONNX model, or a damaged one: ${cause instanceof Error ? cause.message : cause}. Copy or export it again.`,
          { cause },
        )
      }
    },
    encode: (model) => protobuf.toBinary(schema, protobuf.create(schema, model as never)),
  }
}

async function libraries() {
  try {
    return await Promise.all([import('@bufbuild/protobuf'), import('@bufbuild/protobuf/codegenv2')])
  } catch (cause) {
    throw new SimdgradError(
      "simdgrad/onnx: the package that reads and writes ONNX's bytes is not installed. Install it with this line: npm install @bufbuild/protobuf",
      { cause },
    )
  }
}
