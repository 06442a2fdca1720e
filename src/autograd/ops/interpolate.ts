/** Images and sequences at another size. */
import { checkBoolean, checkOptions, kindOf } from '../../check.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { zeros } from '../../tensor/create.js'
import { scoped } from '../../tensor/scope.js'
import { type Shape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { add } from './arithmetic.js'
import { reshape } from './rearrange.js'
import { alongColumns, alongRows, type Weights } from './resample.js'

/** How `interpolate` and `nn.Upsample` find values between pixels. */
export type InterpolationMode = 'nearest' | 'linear' | 'bilinear'

/** What `interpolate` takes besides its input. */
export interface InterpolateOptions {
  /** The result's size: a number for all directions, or one for each. Default null: by `scaleFactor`. */
  size?: number | readonly number[] | null
  /** How many times as large, for all directions or for each. Default null: by `size`. */
  scaleFactor?: number | readonly number[] | null
  /** 'nearest' (the default), 'linear' for (N, C, L), 'bilinear' for (N, C, H, W). */
  mode?: InterpolationMode
  /** For 'linear' and 'bilinear': whether the first and last pixels' centres stay where they are. Default false. */
  alignCorners?: boolean | null
}

export const INTERPOLATE_OPTIONS = ['size', 'scaleFactor', 'mode', 'alignCorners']
const MODES = ['nearest', 'linear', 'bilinear']

/** A number for all directions, or one for each; null where it was not given. */
type Given = number | readonly number[] | null

function checkSizes(name: string, what: string, given: unknown, whole: boolean): asserts given is Given {
  if (given === null) return
  const all: readonly unknown[] = Array.isArray(given) ? given : [given]
  const fits = (v: unknown) =>
    typeof v === 'number' && v > 0 && v < 2 ** 31 && (whole ? Number.isInteger(v) : Number.isFinite(v))
  if (all.length > 0 && all.length < 3 && all.every(fits)) return
  const kind = whole ? 'a whole number of at least 1' : 'a number above 0'
  throw new ArgumentError(
    `${name}: ${what} is ${kind}, or one for each direction, got ${JSON.stringify(given) ?? kindOf(given)}`,
  )
}

/** @throws {ArgumentError} for options that are out of range, or that do not go together */
export function checkInterpolation(name: string, options: InterpolateOptions): void {
  checkOptions(name, options, INTERPOLATE_OPTIONS)
  const { size = null, scaleFactor = null, mode = 'nearest', alignCorners = null } = options
  checkSizes(name, 'size', size, true)
  checkSizes(name, 'scaleFactor', scaleFactor, false)
  if ((size === null) === (scaleFactor === null)) {
    throw new ArgumentError(
      `${name}: expected either size or scaleFactor, got ${size === null ? 'neither' : 'both'}`,
    )
  }
  if (!MODES.includes(mode)) {
    throw new ArgumentError(`${name}: mode is 'nearest', 'linear' or 'bilinear', got ${kindOf(mode)}`)
  }
  if (alignCorners === null) return
  checkBoolean(name, 'alignCorners', alignCorners)
  if (mode === 'nearest') {
    throw new ArgumentError(`${name}: alignCorners goes with mode 'linear' or 'bilinear', not with 'nearest'`)
  }
}

/** One direction: its sizes, and how far apart the outputs are in the input. */
interface Direction {
  size: number
  outputs: number
  /** 1 / scaleFactor where that was given, as in PyTorch: not size / outputs. */
  step: number
}

/** The input that output `i` takes. PyTorch computes it in float32, and so it has to be here. */
function nearest({ size, outputs, step }: Direction): Weights {
  const apart = Math.fround(step)
  const from = (i: number) => Math.min(Math.floor(Math.fround(i * apart)), size - 1)
  return { size, outputs, of: (i) => [[from(i), 1]] }
}

/** The two inputs that output `i` lies between. */
function linear({ size, outputs, step }: Direction, alignCorners: boolean): Weights {
  const place = (i: number) =>
    alignCorners ? (outputs > 1 ? (i * (size - 1)) / (outputs - 1) : 0) : Math.max(step * (i + 0.5) - 0.5, 0)
  return {
    size,
    outputs,
    of: (i) => {
      const at = place(i)
      const first = Math.min(Math.floor(at), size - 1)
      const second = Math.min(first + 1, size - 1)
      const rest = Math.min(at - first, 1)
      return [
        [first, 1 - rest],
        [second, rest],
      ]
    },
  }
}

/** Each pixel `times` over, in both directions; as far as the result goes, no pixel is computed with. */
function repeated(x: Tensor, [high, wide]: readonly number[]): Tensor {
  const [n, c, h, w] = x.shape
  const all = add(reshape(x, [n, c, h, 1, w, 1]), zeros([high, 1, wide]))
  return reshape(all, [n, c, h * high, w * wide])
}

/** Images [N, C, H, W] at another size; those of one row only along it. */
function resample(x: Tensor, rows: Direction, columns: Direction, mode: InterpolationMode, corners: boolean) {
  if (mode === 'nearest') {
    const times = [rows, columns].map(({ size, outputs }) => outputs / size)
    const exact = [rows, columns].every(({ size, outputs, step }) => step === size / outputs)
    if (exact && times.every(Number.isInteger)) return repeated(x, times)
  }
  const weights = (d: Direction) => (mode === 'nearest' ? nearest(d) : linear(d, corners))
  // At the same size nothing is computed, whatever the factor, as in PyTorch.
  const along = rows.size === rows.outputs ? x : alongRows(x, weights(rows))
  return columns.size === columns.outputs ? along : alongColumns(along, weights(columns))
}

/** The directions of an input. @throws {ArgumentError} for another number of sizes or factors */
function directions(
  name: string,
  shape: Shape,
  { size = null, scaleFactor = null }: InterpolateOptions,
): Direction[] {
  const inner = shape.slice(2)
  const given = size ?? scaleFactor ?? 1
  const each = typeof given === 'number' ? inner.map(() => given) : given
  if (each.length !== inner.length) {
    throw new ArgumentError(
      `${name}: expected a number or ${inner.length} of them for an input of shape [${shape}], got [${each}]`,
    )
  }
  return inner.map((length, d) => {
    if (size !== null) return { size: length, outputs: each[d], step: length / each[d] }
    return { size: length, outputs: Math.floor(length * each[d]), step: 1 / each[d] }
  })
}

/**
 * The input at another size: of the nearest pixels, or linearly between them.
 * https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
 *
 * Of pixels that are not finite, only what is made of them is not.
 *
 * @param x [N, C, L] or [N, C, H, W]
 * @param options `size` or `scaleFactor`, the mode, `alignCorners`
 * @returns [N, C, L'] or [N, C, H', W'], L' being `size` or ⌊L · scaleFactor⌋
 * @throws {ShapeError} for an input of another rank or without pixels, or where the result has none
 * @throws {ArgumentError} for both of `size` and `scaleFactor` or neither, or a mode that is not for this rank
 */
export function interpolate(x: Tensor, options: InterpolateOptions = {}): Tensor {
  const name = 'interpolate'
  checkTensor(name, 'input', x)
  checkInterpolation(name, options)
  const { shape } = x
  const { mode = 'nearest', alignCorners = null } = options
  if (shape.length !== 3 && shape.length !== 4)
    throw new ShapeError(`${name}: expected an input of shape [N, C, L] or [N, C, H, W], got [${shape}]`)
  if (mode !== 'nearest' && mode !== (shape.length === 3 ? 'linear' : 'bilinear')) {
    const other = shape.length === 3 ? 'linear' : 'bilinear'
    throw new ArgumentError(
      `${name}: mode '${mode}' is not for an input of ${shape.length} dimensions ([${shape}]); its linear one is '${other}'`,
    )
  }
  const all = directions(name, shape, options)
  if (shape.slice(1).includes(0) || all.some(({ outputs }) => outputs < 1)) {
    throw new ShapeError(
      `${name}: expected channels and pixels in input and result, got an input of shape [${shape}] for a result of ${all.map(({ outputs }) => outputs).join('×')}`,
    )
  }
  const [n, c] = shape
  const result = [n, c, ...all.map(({ outputs }) => outputs)]
  const corners = alignCorners ?? false
  return scoped(() => {
    if (sameShape(result, shape)) return add(x, 0)
    const one = { size: 1, outputs: 1, step: 1 }
    const [rows, columns] = shape.length === 3 ? [one, all[0]] : all
    const images = shape.length === 3 ? reshape(x, [n, c, 1, shape[2]]) : x
    return reshape(resample(images, rows, columns, mode, corners), result)
  })
}
