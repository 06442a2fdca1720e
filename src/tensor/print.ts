/** Tensors as text, by the rules of https://pytorch.org/docs/stable/generated/torch.set_printoptions.html */
import type { Shape } from './shape.js'

/** What is printed of a tensor, as far as printing knows it. */
interface Printed {
  readonly shape: Shape
  readonly size: number
  readonly requiresGrad: boolean
  readonly disposed: boolean
  toFloat32Array(): Float32Array
}

/** With more elements than this, a dimension's middle is left out. */
const THRESHOLD = 1000
/** Elements that are printed at either end of such a dimension. */
const EDGE = 3
/** What stands for the middle of a row. */
const LEFT_OUT = ' ...'
/** Characters of a line, at most. */
const WIDTH = 80

/** Such as `tensor([[1., 2.],\n        [3., 4.]], shape=[2, 2])`. */
export function printTensor(x: Printed): string {
  const more = [`shape=[${x.shape.join(', ')}]`, ...(x.requiresGrad ? ['requiresGrad=true'] : [])].join(', ')
  if (x.disposed) return `tensor(disposed of, ${more})`
  const values = x.toFloat32Array()
  if (values.length === 0) return `tensor([], ${more})`
  const shown = selected(x.shape, values)
  const format = formatOf(shown)
  return `tensor(${nested(x.shape, values, format, 'tensor('.length)}, ${more})`
}

/** The positions of a dimension that are printed; −1 stands for those left out. */
function positions(size: number, abbreviated: boolean): number[] {
  const all = Array.from({ length: Math.min(size, 2 * EDGE + 1) }, (_, i) => i)
  if (!abbreviated || size <= 2 * EDGE) return Array.from({ length: size }, (_, i) => i)
  return all.map((i) => (i < EDGE ? i : i === EDGE ? -1 : size - 2 * EDGE - 1 + i))
}

/** The values that are printed. */
function selected(shape: Shape, values: Float32Array): number[] {
  const abbreviated = values.length > THRESHOLD
  const walk = (d: number, at: number): number[] => {
    if (d === shape.length) return [values[at]]
    return positions(shape[d], abbreviated).flatMap((i) => (i < 0 ? [] : walk(d + 1, at * shape[d] + i)))
  }
  return walk(0, 0)
}

/** How all values are written, in one width. */
function formatOf(values: readonly number[]): (value: number) => string {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs)
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)]
  const whole = values.every((value) => !Number.isFinite(value) || Number.isInteger(value))
  const scientific = sizes.length > 0 && (most / least > 1000 || most > 1e8 || (!whole && least < 1e-4))
  const write = (value: number) => {
    if (Number.isNaN(value)) return 'nan'
    if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
    if (scientific) return value.toExponential(4).replace(/e([+-])(\d)$/, 'e$10$2')
    const text = whole ? `${value.toFixed(0)}.` : value.toFixed(4)
    return Object.is(value, -0) ? `-${text}` : text
  }
  const width = Math.max(0, ...values.map((value) => write(value).length))
  return (value) => write(value).padStart(width)
}

function nested(
  shape: Shape,
  values: Float32Array,
  format: (value: number) => string,
  indent: number,
): string {
  const abbreviated = values.length > THRESHOLD
  const walk = (d: number, at: number, column: number): string => {
    if (d === shape.length) return format(values[at])
    const isRow = d === shape.length - 1
    const parts = positions(shape[d], abbreviated).map((i) =>
      i < 0 ? (isRow ? LEFT_OUT : LEFT_OUT.trim()) : walk(d + 1, at * shape[d] + i, column + 1),
    )
    if (!isRow) {
      const between = `,${'\n'.repeat(shape.length - 1 - d)}${' '.repeat(column + 1)}`
      return `[${parts.join(between)}]`
    }
    return `[${wrapped(parts, column + 1)}]`
  }
  return walk(0, 0, indent)
}

/** A row, in as many lines as it needs. */
function wrapped(parts: readonly string[], column: number): string {
  const widths = parts.filter((part) => part !== LEFT_OUT).map((part) => part.length)
  const each = Math.max(1, ...widths) + 2
  const perLine = Math.max(1, Math.floor((WIDTH - column) / each))
  const lines: string[] = []
  for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(', '))
  return lines.join(`,\n${' '.repeat(column)}`)
}
