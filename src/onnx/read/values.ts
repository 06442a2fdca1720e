/** The values of an ONNX file's tensors. What a file says of sizes is checked before anything is made. */
import { fromBrainFloat, fromHalf } from '../../bytes/half.js'
import { DataError } from '../../errors.js'
import { MOST_DIMENSIONS, sizeOf } from '../../tensor/shape.js'
import { type TensorProto, TYPES } from '../proto.js'
import { Host, type Kind } from './host.js'

interface Type {
  kind: Kind
  bytes: number
  read(view: DataView, at: number): number
  /** Where values are that are no raw bytes. */
  field?: (tensor: TensorProto) => ArrayLike<number> | ArrayLike<bigint>
}

const ints = ({ int32Data }: TensorProto) => int32Data

const READ: Readonly<Record<number, Type>> = {
  [TYPES.float]: {
    kind: 'float',
    bytes: 4,
    read: (v, at) => v.getFloat32(at, true),
    field: (t) => t.floatData,
  },
  [TYPES.double]: {
    kind: 'float',
    bytes: 8,
    read: (v, at) => v.getFloat64(at, true),
    field: (t) => t.doubleData,
  },
  [TYPES.float16]: {
    kind: 'float',
    bytes: 2,
    read: (v, at) => fromHalf(v.getUint16(at, true)),
    field: (t) => t.int32Data.map(fromHalf),
  },
  [TYPES.bfloat16]: {
    kind: 'float',
    bytes: 2,
    read: (v, at) => fromBrainFloat(v.getUint16(at, true)),
    field: (t) => t.int32Data.map(fromBrainFloat),
  },
  [TYPES.int64]: {
    kind: 'whole',
    bytes: 8,
    read: (v, at) => Number(v.getBigInt64(at, true)),
    field: (t) => t.int64Data,
  },
  [TYPES.uint64]: {
    kind: 'whole',
    bytes: 8,
    read: (v, at) => Number(v.getBigUint64(at, true)),
    field: (t) => t.uint64Data,
  },
  [TYPES.int32]: { kind: 'whole', bytes: 4, read: (v, at) => v.getInt32(at, true), field: ints },
  [TYPES.uint32]: {
    kind: 'whole',
    bytes: 4,
    read: (v, at) => v.getUint32(at, true),
    field: (t) => t.uint64Data,
  },
  [TYPES.int16]: { kind: 'whole', bytes: 2, read: (v, at) => v.getInt16(at, true), field: ints },
  [TYPES.uint16]: { kind: 'whole', bytes: 2, read: (v, at) => v.getUint16(at, true), field: ints },
  [TYPES.int8]: { kind: 'whole', bytes: 1, read: (v, at) => v.getInt8(at), field: ints },
  [TYPES.uint8]: { kind: 'whole', bytes: 1, read: (v, at) => v.getUint8(at), field: ints },
  [TYPES.bool]: { kind: 'boolean', bytes: 1, read: (v, at) => Number(v.getUint8(at) !== 0), field: ints },
}

/** What a type of elements is; undefined for one that is not read. */
export function kindOfType(type: number): Kind | undefined {
  return READ[type]?.kind
}

/** The values of a tensor in a file. @throws {DataError} naming it */
export function hostOf(tensor: TensorProto, where: string): Host {
  const what = `${where}: the tensor ${JSON.stringify(tensor.name)}`
  const shape = tensor.dims.map(Number)
  const size = sizeOf(shape)
  const type = READ[tensor.dataType]
  if (!type) {
    const name =
      Object.entries(TYPES).find(([, number]) => number === tensor.dataType)?.[0] ?? tensor.dataType
    throw new DataError(`${what} has elements of type ${name}, which are not read`)
  }
  if (tensor.dataLocation !== 0 || tensor.externalData.length > 0) {
    throw new DataError(
      `${what} has its values in another file, which is not read; export with external_data=False, or onnx.save_model(model, path, save_as_external_data=False)`,
    )
  }
  if (
    shape.length > MOST_DIMENSIONS ||
    !shape.every((n) => n >= 0 && Number.isSafeInteger(n)) ||
    !Number.isSafeInteger(size)
  )
    throw new DataError(`${what} has the shape [${shape}], which is none`)
  const { bytes, kind, read, field } = type
  const given = tensor.rawData.length > 0 ? undefined : field?.(tensor)
  const count = given ? given.length : tensor.rawData.length / bytes
  if (count !== size)
    throw new DataError(`${what} of shape [${shape}] has ${count} values instead of ${size}`)
  if (given) return new Host(shape, Float64Array.from(given as ArrayLike<number>, Number), kind)
  const raw = tensor.rawData
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const values = kind === 'float' ? new Float32Array(size) : new Float64Array(size)
  for (let i = 0; i < size; i++) values[i] = read(view, i * bytes)
  return new Host(shape, values, kind)
}
