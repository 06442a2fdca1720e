/** PyTorch's storages: values of one kind, of which tensors are views; here they become float32. */
import { fromBrainFloat, fromHalf } from '../bytes/half.js'
import { MOST_DIMENSIONS, sizeOf, stridesOf } from '../tensor/shape.js'

/** A kind of numbers: how many bytes, and how one is read, little-endian. */
interface Kind {
  bytes: number
  read(view: DataView, at: number): number | bigint
}

/** The kinds that are read, by the names of PyTorch's dtypes. */
export const DTYPES: Readonly<Record<string, Kind>> = {
  float32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  float64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  float16: { bytes: 2, read: (view, at) => fromHalf(view.getUint16(at, true)) },
  bfloat16: { bytes: 2, read: (view, at) => fromBrainFloat(view.getUint16(at, true)) },
  int64: { bytes: 8, read: (view, at) => view.getBigInt64(at, true) },
  int32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  int16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  int8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  uint8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  uint16: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  uint32: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  uint64: { bytes: 8, read: (view, at) => view.getBigUint64(at, true) },
  bool: { bytes: 1, read: (view, at) => Number(view.getUint8(at) !== 0) },
}

/** The dtype of each class of storages; '' for the one that leaves it to its tensors. */
export const STORAGES: Readonly<Record<string, string>> = {
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  UntypedStorage: '',
}

/** A storage that a pickle speaks of; its bytes come later. */
export class TorchStorage {
  constructor(
    readonly key: string,
    readonly dtype: string,
    /** Of its elements; of an untyped one, bytes. */
    readonly length: number,
  ) {}

  /** Bytes that it takes. */
  get bytes(): number {
    return this.length * (DTYPES[this.dtype]?.bytes ?? 1)
  }
}

/** A tensor that a pickle speaks of: a view of a storage, offset and strides being counted in elements. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly dtype: string,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}

  /** What two views of the same values have in common. */
  get identity(): string {
    return JSON.stringify([this.storage.key, this.dtype, this.offset, this.shape, this.strides])
  }

  get size(): number {
    return sizeOf(this.shape)
  }
}

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && Number(n) >= 0
const areCounts = (list: unknown): list is number[] => Array.isArray(list) && list.every(isCount)

/** @throws {Error} for what is no view of a storage, or reaches past its end */
export function tensorOf([storage, offset, shape, strides]: readonly unknown[], dtype?: string): TorchTensor {
  if (!(storage instanceof TorchStorage)) throw new Error('it has a tensor without a storage')
  const own = dtype ?? storage.dtype
  const kind = DTYPES[own]
  if (
    !kind ||
    !isCount(offset) ||
    !areCounts(shape) ||
    !areCounts(strides) ||
    shape.length !== strides.length ||
    shape.length > MOST_DIMENSIONS
  )
    throw new Error('it has a tensor whose sizes or strides are none')
  if (!Number.isSafeInteger(sizeOf(shape))) throw new Error(`it has a tensor of shape [${shape}], too large`)
  const length = storage.bytes / kind.bytes
  const last = shape.reduce((at, n, d) => at + (n - 1) * strides[d], offset)
  if (sizeOf(shape) > 0 && !(last < length)) {
    throw new Error(
      `a tensor of shape [${shape}] and strides [${strides}] reaches to element ${last} of a storage of ${length}`,
    )
  }
  return new TorchTensor(storage, own, offset, shape, strides)
}

/** The values of a tensor as float32, in row-major order, and how many float32 could not hold. */
export function valuesOf(tensor: TorchTensor, bytes: Uint8Array): { values: Float32Array; rounded: number } {
  const { dtype, offset, shape, strides, size } = tensor
  const { bytes: width, read } = DTYPES[dtype]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = new Float32Array(size)
  const rows = stridesOf(shape)
  const isDense = shape.every((n, d) => n === 1 || strides[d] === rows[d])
  let rounded = 0
  for (let i = 0; i < size; i++) {
    let at = isDense ? offset + i : offset
    if (!isDense) {
      for (let d = 0, rest = i; d < shape.length; d++) {
        const place = Math.floor(rest / rows[d])
        at += place * strides[d]
        rest -= place * rows[d]
      }
    }
    const value = read(view, at * width)
    values[i] = Number(value)
    // (A bigint is compared by its value.)
    if (
      typeof value === 'bigint'
        ? BigInt(Math.trunc(values[i])) !== value
        : values[i] !== value && !Number.isNaN(value)
    )
      rounded++
  }
  return { values, rounded }
}
