// Written by `cargo run --bin bindings` in crates/bnkernels from src/exports/mod.rs: change it there.
import { call, type Dimensions, type Memory, startRow, writeDimensions } from './call.js'
import { fuseRecorded } from './fuse-rows.js'
import { setRowFusion } from './row-fusion.js'
import { form, ROW_FORMS } from './rows.generated.js'
import { wantWhole } from './whole.js'

// A bundler keeps these lines where it keeps one of the kernels.
wantWhole()
setRowFusion((recorded) => fuseRecorded(recorded))
Object.assign(ROW_FORMS, {
  24: form(21, 0, -2, 4, -6, -8, -10),
  25: form(18, 0, -2, 4, -6, -8, -10),
  26: form(14, 0, -2, 4, -6),
  46: form(20, 0, 16, -18),
  47: form(20, 0, 16, -18),
  48: form(14, 0, 8, 10, -12),
  49: form(17, 0, 4, 6, 8, -11, -13, -15),
  50: form(20, 0, 4, 6, 8, 10, 12, -14, -16, -18),
  51: form(21, 0, 6, 8, 10, -13, -15, -17, -19),
  52: form(24, 0, 6, 8, 10, 12, 14, 16, -18, -20, -22),
  58: form(7, 0, -3, -5),
  59: form(3, 0),
  60: form(18, 0, 5, 7, 9, 11, 14, 16),
  61: form(23, 0, 6, 8, 10, 12, -14, -16, -18, -20),
  62: form(31, 0, 6, 8, 10, 12, 14, 16, 18, 20, -22, -24, -26, -28),
  63: form(8, 0, -6),
  64: form(38, 1, 20, 22, 24, 26, 32, -34, -36),
  65: form(63, 1, 35, 37, 39, 41, 43, 45, 51, 53, -55, -57, -59, -61),
  66: form(31, 0, 23, 25, 27, -29),
})

/** The arguments of `nadamStep`. */
export interface NadamStep {
  /** Floats; written. */
  readonly p: Memory
  /** `p.length` floats. */
  readonly g: Memory
  /** `p.length` floats; written. */
  readonly m: Memory
  /** `p.length` floats; written. */
  readonly v: Memory
  /** `1` floats; written. */
  readonly muProduct: Memory
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly eps: number
  readonly weightDecay: number
  readonly momentumDecay: number
  readonly decoupled: boolean
  readonly maximize: boolean
  readonly step: number
}

/** A step of NAdam; see `optim.NAdam`. `muProduct` is 1 before the first; `step` counts from 1. */
export function nadamStep({ p, g, m, v, muProduct, lr, beta1, beta2, eps, weightDecay, momentumDecay, decoupled, maximize, step }: NadamStep): void {
  p.willChange()
  m.willChange()
  v.willChange()
  muProduct.willChange()
  const pAt = p.address
  const gAt = g.address
  const mAt = m.address
  const vAt = v.address
  const muProductAt = muProduct.address
  const row = startRow(24)
  row[2] = pAt
  row[3] = p.length
  row[4] = gAt
  row[5] = g.length
  row[6] = mAt
  row[7] = m.length
  row[8] = vAt
  row[9] = v.length
  row[10] = muProductAt
  row[11] = muProduct.length
  row[12] = lr
  row[13] = beta1
  row[14] = beta2
  row[15] = eps
  row[16] = weightDecay
  row[17] = momentumDecay
  row[18] = Number(decoupled)
  row[19] = Number(maximize)
  row[20] = step
  call(row, 'nadamStep')
  p.version++
  m.version++
  v.version++
  muProduct.version++
}

/** The arguments of `rmspropStep`. */
export interface RmspropStep {
  /** Floats; written. */
  readonly p: Memory
  /** `p.length` floats. */
  readonly g: Memory
  /** `p.length` floats; written. */
  readonly v: Memory
  /** `p.length` floats; written. */
  readonly mean?: Memory | undefined
  /** `p.length` floats; written. */
  readonly momentumBuffer?: Memory | undefined
  readonly lr: number
  readonly alpha: number
  readonly eps: number
  readonly weightDecay: number
  readonly momentum: number
  readonly maximize: boolean
}

/**
 * A step of RMSprop; see `optim.RMSprop`. `mean` is given where it is centred, `momentumBuffer` where
 * `momentum` is not 0.
 */
export function rmspropStep({ p, g, v, mean, momentumBuffer, lr, alpha, eps, weightDecay, momentum, maximize }: RmspropStep): void {
  p.willChange()
  v.willChange()
  mean?.willChange()
  momentumBuffer?.willChange()
  const pAt = p.address
  const gAt = g.address
  const vAt = v.address
  const meanAt = mean?.address ?? 0
  const momentumBufferAt = momentumBuffer?.address ?? 0
  const row = startRow(25)
  row[2] = pAt
  row[3] = p.length
  row[4] = gAt
  row[5] = g.length
  row[6] = vAt
  row[7] = v.length
  row[8] = meanAt
  row[9] = mean?.length ?? 0
  row[10] = momentumBufferAt
  row[11] = momentumBuffer?.length ?? 0
  row[12] = lr
  row[13] = alpha
  row[14] = eps
  row[15] = weightDecay
  row[16] = momentum
  row[17] = Number(maximize)
  call(row, 'rmspropStep')
  p.version++
  v.version++
  if (mean) mean.version++
  if (momentumBuffer) momentumBuffer.version++
}

/** The arguments of `adagradStep`. */
export interface AdagradStep {
  /** Floats; written. */
  readonly p: Memory
  /** `p.length` floats. */
  readonly g: Memory
  /** `p.length` floats; written. */
  readonly sum: Memory
  readonly lr: number
  readonly lrDecay: number
  readonly eps: number
  readonly weightDecay: number
  readonly maximize: boolean
  readonly step: number
}

/** A step of Adagrad; see `optim.Adagrad`. `step` counts from 1. */
export function adagradStep({ p, g, sum, lr, lrDecay, eps, weightDecay, maximize, step }: AdagradStep): void {
  p.willChange()
  sum.willChange()
  const pAt = p.address
  const gAt = g.address
  const sumAt = sum.address
  const row = startRow(26)
  row[2] = pAt
  row[3] = p.length
  row[4] = gAt
  row[5] = g.length
  row[6] = sumAt
  row[7] = sum.length
  row[8] = lr
  row[9] = lrDecay
  row[10] = eps
  row[11] = weightDecay
  row[12] = Number(maximize)
  row[13] = step
  call(row, 'adagradStep')
  p.version++
  sum.version++
}

/** The arguments of `avgPool2dForward`. */
export interface AvgPool2dForward {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly oh: number
  readonly ow: number
  readonly countIncludePad: boolean
  readonly divisorOverride: number
  /** `lanes(n, c * h * w)` floats. */
  readonly x: Memory
  /** `lanes(n, c * oh * ow)` floats; written. */
  readonly y: Memory
}

/**
 * The mean of each window; `x` and `y` in lanes. `oh` and `ow` windows, of which the last may end past the
 * padding (`ceil_mode`). `divisorOverride` is what to divide by instead, or 0.
 */
export function avgPool2dForward({ n, c, h, w, kh, kw, strideH, strideW, paddingH, paddingW, oh, ow, countIncludePad, divisorOverride, x, y }: AvgPool2dForward): void {
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(46)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = kh
  row[7] = kw
  row[8] = strideH
  row[9] = strideW
  row[10] = paddingH
  row[11] = paddingW
  row[12] = oh
  row[13] = ow
  row[14] = Number(countIncludePad)
  row[15] = divisorOverride
  row[16] = xAt
  row[17] = x.length
  row[18] = yAt
  row[19] = y.length
  call(row, 'avgPool2dForward')
  y.version++
}

/** The arguments of `avgPool2dBackward`. */
export interface AvgPool2dBackward {
  readonly n: number
  readonly c: number
  readonly h: number
  readonly w: number
  readonly kh: number
  readonly kw: number
  readonly strideH: number
  readonly strideW: number
  readonly paddingH: number
  readonly paddingW: number
  readonly oh: number
  readonly ow: number
  readonly countIncludePad: boolean
  readonly divisorOverride: number
  /** `lanes(n, c * oh * ow)` floats. */
  readonly dy: Memory
  /** `lanes(n, c * h * w)` floats; written. */
  readonly dx: Memory
}

/** Each tap's share of its windows' `dy`; all in lanes. */
export function avgPool2dBackward({ n, c, h, w, kh, kw, strideH, strideW, paddingH, paddingW, oh, ow, countIncludePad, divisorOverride, dy, dx }: AvgPool2dBackward): void {
  dx.willChange()
  const dyAt = dy.address
  const dxAt = dx.address
  const row = startRow(47)
  row[2] = n
  row[3] = c
  row[4] = h
  row[5] = w
  row[6] = kh
  row[7] = kw
  row[8] = strideH
  row[9] = strideW
  row[10] = paddingH
  row[11] = paddingW
  row[12] = oh
  row[13] = ow
  row[14] = Number(countIncludePad)
  row[15] = divisorOverride
  row[16] = dyAt
  row[17] = dy.length
  row[18] = dxAt
  row[19] = dx.length
  call(row, 'avgPool2dBackward')
  dx.version++
}

/** The arguments of `resample`. */
export interface Resample {
  readonly n: number
  readonly outer: number
  readonly size: number
  readonly outputs: number
  readonly inner: number
  readonly transposed: boolean
  /** `size * outputs` floats. */
  readonly matrix: Memory
  /** `lanes(n, outer * size * inner)` floats. */
  readonly x: Memory
  /** `lanes(n, outer * outputs * inner)` floats; written. */
  readonly y: Memory
}

/**
 * `y = m x` along the second of the three dimensions of each image, `[outer, size, inner]`; in lanes. `matrix` is
 * `[outputs, size]`, or if it is `transposed`, `[size, outputs]`.
 */
export function resample({ n, outer, size, outputs, inner, transposed, matrix, x, y }: Resample): void {
  y.willChange()
  const matrixAt = matrix.address
  const xAt = x.address
  const yAt = y.address
  const row = startRow(48)
  row[2] = n
  row[3] = outer
  row[4] = size
  row[5] = outputs
  row[6] = inner
  row[7] = Number(transposed)
  row[8] = matrixAt
  row[9] = matrix.length
  row[10] = xAt
  row[11] = x.length
  row[12] = yAt
  row[13] = y.length
  call(row, 'resample')
  y.version++
}

/** The arguments of `layerNormForward`. */
export interface LayerNormForward {
  readonly rows: number
  readonly cols: number
  /** `rows * cols` floats. */
  readonly x: Memory
  /** `cols` floats. */
  readonly weight?: Memory | undefined
  /** `cols` floats. */
  readonly bias?: Memory | undefined
  readonly eps: number
  /** `rows * cols` floats; written. */
  readonly y: Memory
  /** `rows` floats; written. */
  readonly mean: Memory
  /** `rows` floats; written. */
  readonly rstd: Memory
}

/**
 * `y = (x - mean) rstd weight + bias` over the `cols` values of each row, with the row's `mean` and
 * `rstd = 1 / √(variance + eps)`.
 */
export function layerNormForward({ rows, cols, x, weight, bias, eps, y, mean, rstd }: LayerNormForward): void {
  y.willChange()
  mean.willChange()
  rstd.willChange()
  const xAt = x.address
  const weightAt = weight?.address ?? 0
  const biasAt = bias?.address ?? 0
  const yAt = y.address
  const meanAt = mean.address
  const rstdAt = rstd.address
  const row = startRow(49)
  row[2] = rows
  row[3] = cols
  row[4] = xAt
  row[5] = x.length
  row[6] = weightAt
  row[7] = weight?.length ?? 0
  row[8] = biasAt
  row[9] = bias?.length ?? 0
  row[10] = eps
  row[11] = yAt
  row[12] = y.length
  row[13] = meanAt
  row[14] = mean.length
  row[15] = rstdAt
  row[16] = rstd.length
  call(row, 'layerNormForward')
  y.version++
  mean.version++
  rstd.version++
}

/** The arguments of `layerNormBackward`. */
export interface LayerNormBackward {
  readonly rows: number
  readonly cols: number
  /** `rows * cols` floats. */
  readonly x: Memory
  /** `rows * cols` floats. */
  readonly dy: Memory
  /** `rows` floats. */
  readonly mean: Memory
  /** `rows` floats. */
  readonly rstd: Memory
  /** `cols` floats. */
  readonly weight?: Memory | undefined
  /** `rows * cols` floats; written. */
  readonly dx?: Memory | undefined
  /** `cols` floats; written. */
  readonly dweight?: Memory | undefined
  /** `cols` floats; written. */
  readonly dbias?: Memory | undefined
}

/** The gradients. */
export function layerNormBackward({ rows, cols, x, dy, mean, rstd, weight, dx, dweight, dbias }: LayerNormBackward): void {
  dx?.willChange()
  dweight?.willChange()
  dbias?.willChange()
  const xAt = x.address
  const dyAt = dy.address
  const meanAt = mean.address
  const rstdAt = rstd.address
  const weightAt = weight?.address ?? 0
  const dxAt = dx?.address ?? 0
  const dweightAt = dweight?.address ?? 0
  const dbiasAt = dbias?.address ?? 0
  const row = startRow(50)
  row[2] = rows
  row[3] = cols
  row[4] = xAt
  row[5] = x.length
  row[6] = dyAt
  row[7] = dy.length
  row[8] = meanAt
  row[9] = mean.length
  row[10] = rstdAt
  row[11] = rstd.length
  row[12] = weightAt
  row[13] = weight?.length ?? 0
  row[14] = dxAt
  row[15] = dx?.length ?? 0
  row[16] = dweightAt
  row[17] = dweight?.length ?? 0
  row[18] = dbiasAt
  row[19] = dbias?.length ?? 0
  call(row, 'layerNormBackward')
  if (dx) dx.version++
  if (dweight) dweight.version++
  if (dbias) dbias.version++
}

/** The arguments of `groupNormForward`. */
export interface GroupNormForward {
  readonly n: number
  readonly c: number
  readonly s: number
  readonly groups: number
  /** `lanes(n, c * s)` floats. */
  readonly x: Memory
  /** `c` floats. */
  readonly weight?: Memory | undefined
  /** `c` floats. */
  readonly bias?: Memory | undefined
  readonly eps: number
  /** `lanes(n, c * s)` floats; written. */
  readonly y: Memory
  /** `lanes(n, groups)` floats; written. */
  readonly mean: Memory
  /** `lanes(n, groups)` floats; written. */
  readonly residual: Memory
  /** `lanes(n, groups)` floats; written. */
  readonly rstd: Memory
}

/** Group normalisation of `[n, c, s]`, all in lanes. The mean is the sum of `mean` and `residual`. */
export function groupNormForward({ n, c, s, groups, x, weight, bias, eps, y, mean, residual, rstd }: GroupNormForward): void {
  y.willChange()
  mean.willChange()
  residual.willChange()
  rstd.willChange()
  const xAt = x.address
  const weightAt = weight?.address ?? 0
  const biasAt = bias?.address ?? 0
  const yAt = y.address
  const meanAt = mean.address
  const residualAt = residual.address
  const rstdAt = rstd.address
  const row = startRow(51)
  row[2] = n
  row[3] = c
  row[4] = s
  row[5] = groups
  row[6] = xAt
  row[7] = x.length
  row[8] = weightAt
  row[9] = weight?.length ?? 0
  row[10] = biasAt
  row[11] = bias?.length ?? 0
  row[12] = eps
  row[13] = yAt
  row[14] = y.length
  row[15] = meanAt
  row[16] = mean.length
  row[17] = residualAt
  row[18] = residual.length
  row[19] = rstdAt
  row[20] = rstd.length
  call(row, 'groupNormForward')
  y.version++
  mean.version++
  residual.version++
  rstd.version++
}

/** The arguments of `groupNormBackward`. */
export interface GroupNormBackward {
  readonly n: number
  readonly c: number
  readonly s: number
  readonly groups: number
  /** `lanes(n, c * s)` floats. */
  readonly x: Memory
  /** `lanes(n, c * s)` floats. */
  readonly dy: Memory
  /** `lanes(n, groups)` floats. */
  readonly mean: Memory
  /** `lanes(n, groups)` floats. */
  readonly residual: Memory
  /** `lanes(n, groups)` floats. */
  readonly rstd: Memory
  /** `c` floats. */
  readonly weight?: Memory | undefined
  /** `lanes(n, c * s)` floats; written. */
  readonly dx?: Memory | undefined
  /** `c` floats; written. */
  readonly dweight?: Memory | undefined
  /** `c` floats; written. */
  readonly dbias?: Memory | undefined
}

/** The gradients. */
export function groupNormBackward({ n, c, s, groups, x, dy, mean, residual, rstd, weight, dx, dweight, dbias }: GroupNormBackward): void {
  dx?.willChange()
  dweight?.willChange()
  dbias?.willChange()
  const xAt = x.address
  const dyAt = dy.address
  const meanAt = mean.address
  const residualAt = residual.address
  const rstdAt = rstd.address
  const weightAt = weight?.address ?? 0
  const dxAt = dx?.address ?? 0
  const dweightAt = dweight?.address ?? 0
  const dbiasAt = dbias?.address ?? 0
  const row = startRow(52)
  row[2] = n
  row[3] = c
  row[4] = s
  row[5] = groups
  row[6] = xAt
  row[7] = x.length
  row[8] = dyAt
  row[9] = dy.length
  row[10] = meanAt
  row[11] = mean.length
  row[12] = residualAt
  row[13] = residual.length
  row[14] = rstdAt
  row[15] = rstd.length
  row[16] = weightAt
  row[17] = weight?.length ?? 0
  row[18] = dxAt
  row[19] = dx?.length ?? 0
  row[20] = dweightAt
  row[21] = dweight?.length ?? 0
  row[22] = dbiasAt
  row[23] = dbias?.length ?? 0
  call(row, 'groupNormBackward')
  if (dx) dx.version++
  if (dweight) dweight.version++
  if (dbias) dbias.version++
}

/** The arguments of `unaryWithSlope`. */
export interface UnaryWithSlope {
  readonly op: number
  /** Floats; written. */
  readonly x: Memory
  /** `x.length` floats; written. */
  readonly y: Memory
}

/** `y = f(x)`, and then `x = f′(x)`: of the functions for which both at once are little more than one. */
export function unaryWithSlope({ op, x, y }: UnaryWithSlope): void {
  x.willChange()
  y.willChange()
  const xAt = x.address
  const yAt = y.address
  const row = startRow(58)
  row[2] = op
  row[3] = xAt
  row[4] = x.length
  row[5] = yAt
  row[6] = y.length
  call(row, 'unaryWithSlope')
  x.version++
  y.version++
}

/** The arguments of `recurrentForward`. */
export interface RecurrentForward {
  readonly cell: 'tanh' | 'relu' | 'lstm' | 'gru'
  readonly t: number
  readonly n: number
  readonly h: number
  /** `gatesOf(cell) * h * h` floats. */
  readonly weight: Memory
  /** `gatesOf(cell) * h` floats. */
  readonly bias?: Memory | undefined
  /** `n * h` floats. */
  readonly h0?: Memory | undefined
  /** `n * h` floats. */
  readonly c0?: Memory | undefined
  /** `t * n * gatesOf(cell) * h` floats; written. */
  readonly gates: Memory
  /** `t * n * h` floats; written. */
  readonly y: Memory
  /** `t * n * h` floats; written. */
  readonly kept?: Memory | undefined
  /** `n * h` floats; written. */
  readonly lastCell?: Memory | undefined
  readonly reverse: boolean
}

/**
 * All steps of a recurrent layer in one direction. `gates` come as the input's part, `x Wᵢₕᵀ + bᵢₕ`, and
 * become the gates; `kept` is what a cell keeps beside them (LSTM and GRU); `lastCell` is the LSTM's.
 */
export function recurrentForward({ cell, t, n, h, weight, bias, h0, c0, gates, y, kept, lastCell, reverse }: RecurrentForward): void {
  gates.willChange()
  y.willChange()
  kept?.willChange()
  lastCell?.willChange()
  const weightAt = weight.address
  const biasAt = bias?.address ?? 0
  const h0At = h0?.address ?? 0
  const c0At = c0?.address ?? 0
  const gatesAt = gates.address
  const yAt = y.address
  const keptAt = kept?.address ?? 0
  const lastCellAt = lastCell?.address ?? 0
  const row = startRow(61)
  row[2] = cell === 'tanh' ? 0 : cell === 'relu' ? 1 : cell === 'lstm' ? 2 : 3
  row[3] = t
  row[4] = n
  row[5] = h
  row[6] = weightAt
  row[7] = weight.length
  row[8] = biasAt
  row[9] = bias?.length ?? 0
  row[10] = h0At
  row[11] = h0?.length ?? 0
  row[12] = c0At
  row[13] = c0?.length ?? 0
  row[14] = gatesAt
  row[15] = gates.length
  row[16] = yAt
  row[17] = y.length
  row[18] = keptAt
  row[19] = kept?.length ?? 0
  row[20] = lastCellAt
  row[21] = lastCell?.length ?? 0
  row[22] = Number(reverse)
  call(row, 'recurrentForward')
  gates.version++
  y.version++
  if (kept) kept.version++
  if (lastCell) lastCell.version++
}

/** The arguments of `recurrentBackward`. */
export interface RecurrentBackward {
  readonly cell: 'tanh' | 'relu' | 'lstm' | 'gru'
  readonly t: number
  readonly n: number
  readonly h: number
  /** `gatesOf(cell) * h * h` floats. */
  readonly weight: Memory
  /** `n * h` floats. */
  readonly h0?: Memory | undefined
  /** `n * h` floats. */
  readonly c0?: Memory | undefined
  /** `t * n * gatesOf(cell) * h` floats. */
  readonly gates?: Memory | undefined
  /** `t * n * h` floats. */
  readonly y: Memory
  /** `t * n * h` floats. */
  readonly kept?: Memory | undefined
  /** `t * n * h` floats. */
  readonly dy: Memory
  /** `n * h` floats. */
  readonly dlastCell?: Memory | undefined
  /** `t * n * gatesOf(cell) * h` floats; written. */
  readonly dp: Memory
  /** `t * n * gatesOf(cell) * h` floats; written. */
  readonly dq?: Memory | undefined
  /** `n * h` floats; written. */
  readonly dh0?: Memory | undefined
  /** `n * h` floats; written. */
  readonly dc0?: Memory | undefined
  readonly reverse: boolean
}

/**
 * The gradients of the input's part of the gates, of the state's where it has another (`dq`, the GRU's), and
 * of the first states.
 */
export function recurrentBackward({ cell, t, n, h, weight, h0, c0, gates, y, kept, dy, dlastCell, dp, dq, dh0, dc0, reverse }: RecurrentBackward): void {
  dp.willChange()
  dq?.willChange()
  dh0?.willChange()
  dc0?.willChange()
  const weightAt = weight.address
  const h0At = h0?.address ?? 0
  const c0At = c0?.address ?? 0
  const gatesAt = gates?.address ?? 0
  const yAt = y.address
  const keptAt = kept?.address ?? 0
  const dyAt = dy.address
  const dlastCellAt = dlastCell?.address ?? 0
  const dpAt = dp.address
  const dqAt = dq?.address ?? 0
  const dh0At = dh0?.address ?? 0
  const dc0At = dc0?.address ?? 0
  const row = startRow(62)
  row[2] = cell === 'tanh' ? 0 : cell === 'relu' ? 1 : cell === 'lstm' ? 2 : 3
  row[3] = t
  row[4] = n
  row[5] = h
  row[6] = weightAt
  row[7] = weight.length
  row[8] = h0At
  row[9] = h0?.length ?? 0
  row[10] = c0At
  row[11] = c0?.length ?? 0
  row[12] = gatesAt
  row[13] = gates?.length ?? 0
  row[14] = yAt
  row[15] = y.length
  row[16] = keptAt
  row[17] = kept?.length ?? 0
  row[18] = dyAt
  row[19] = dy.length
  row[20] = dlastCellAt
  row[21] = dlastCell?.length ?? 0
  row[22] = dpAt
  row[23] = dp.length
  row[24] = dqAt
  row[25] = dq?.length ?? 0
  row[26] = dh0At
  row[27] = dh0?.length ?? 0
  row[28] = dc0At
  row[29] = dc0?.length ?? 0
  row[30] = Number(reverse)
  call(row, 'recurrentBackward')
  dp.version++
  if (dq) dq.version++
  if (dh0) dh0.version++
  if (dc0) dc0.version++
}

/** The arguments of `writePlace`. */
export interface WritePlace {
  readonly seedLow: number
  readonly seedHigh: number
  readonly offsetLow: number
  readonly offsetHigh: number
  /** `4` words (u32); written. */
  readonly y: Memory
}

/** Writes a place of the stream of random numbers, which kernels then read. */
export function writePlace({ seedLow, seedHigh, offsetLow, offsetHigh, y }: WritePlace): void {
  y.willChange()
  const yAt = y.address
  const row = startRow(63)
  row[2] = seedLow
  row[3] = seedHigh
  row[4] = offsetLow
  row[5] = offsetHigh
  row[6] = yAt
  row[7] = y.length
  call(row, 'writePlace')
  y.version++
}

/** The arguments of `attentionForward`. */
export interface AttentionForward {
  readonly batch: number
  readonly t: number
  readonly s: number
  readonly e: number
  readonly ev: number
  readonly heads: number
  readonly qOuter: number
  readonly qHead: number
  readonly qRow: number
  readonly kOuter: number
  readonly kHead: number
  readonly kRow: number
  readonly vOuter: number
  readonly vHead: number
  readonly vRow: number
  readonly yOuter: number
  readonly yHead: number
  readonly yRow: number
  /** Floats. */
  readonly q: Memory
  /** Floats. */
  readonly k: Memory
  /** Floats. */
  readonly v: Memory
  /** Floats. */
  readonly mask?: Memory | undefined
  readonly boolean: boolean
  readonly causal: boolean
  readonly scale: number
  readonly p: number
  /** `4` floats. */
  readonly place?: Memory | undefined
  /** `batch * t * ev` floats; written. */
  readonly y: Memory
  /** `batch * t` floats; written. */
  readonly logSums: Memory
  readonly dims: Dimensions
}

/**
 * `y = softmax(scale · q kᵀ + mask) v` of each of a batch, and the logarithm of each row's sum. `dims` are the
 * mask's shape, `[…batch, t, s]`, and its strides. Dropout uses `ceil(s / 4)` blocks of the stream a row, from
 * `place` on (see `writePlace`). Of `heads` of the batch, one after the other, the queries, keys, values and results
 * lie a `head` apart, and then `outer`; their rows lie `row` apart.
 */
export function attentionForward({ batch, t, s, e, ev, heads, qOuter, qHead, qRow, kOuter, kHead, kRow, vOuter, vHead, vRow, yOuter, yHead, yRow, q, k, v, mask, boolean, causal, scale, p, place, y, logSums, dims }: AttentionForward): void {
  y.willChange()
  logSums.willChange()
  const qAt = q.address
  const kAt = k.address
  const vAt = v.address
  const maskAt = mask?.address ?? 0
  const placeAt = place?.address ?? 0
  const yAt = y.address
  const logSumsAt = logSums.address
  const row = startRow(64)
  row[2] = batch
  row[3] = t
  row[4] = s
  row[5] = e
  row[6] = ev
  row[7] = heads
  row[8] = qOuter
  row[9] = qHead
  row[10] = qRow
  row[11] = kOuter
  row[12] = kHead
  row[13] = kRow
  row[14] = vOuter
  row[15] = vHead
  row[16] = vRow
  row[17] = yOuter
  row[18] = yHead
  row[19] = yRow
  row[20] = qAt
  row[21] = q.length
  row[22] = kAt
  row[23] = k.length
  row[24] = vAt
  row[25] = v.length
  row[26] = maskAt
  row[27] = mask?.length ?? 0
  row[28] = Number(boolean)
  row[29] = Number(causal)
  row[30] = scale
  row[31] = p
  row[32] = placeAt
  row[33] = place?.length ?? 0
  row[34] = yAt
  row[35] = y.length
  row[36] = logSumsAt
  row[37] = logSums.length
  writeDimensions(row, 38, dims)
  call(row, 'attentionForward')
  y.version++
  logSums.version++
}

/** The arguments of `attentionBackward`. */
export interface AttentionBackward {
  readonly batch: number
  readonly t: number
  readonly s: number
  readonly e: number
  readonly ev: number
  readonly heads: number
  readonly qOuter: number
  readonly qHead: number
  readonly qRow: number
  readonly kOuter: number
  readonly kHead: number
  readonly kRow: number
  readonly vOuter: number
  readonly vHead: number
  readonly vRow: number
  readonly yOuter: number
  readonly yHead: number
  readonly yRow: number
  readonly dyOuter: number
  readonly dyHead: number
  readonly dyRow: number
  readonly dqOuter: number
  readonly dqHead: number
  readonly dqRow: number
  readonly dkOuter: number
  readonly dkHead: number
  readonly dkRow: number
  readonly dvOuter: number
  readonly dvHead: number
  readonly dvRow: number
  readonly dqStart: number
  readonly dkStart: number
  readonly dvStart: number
  /** Floats. */
  readonly q: Memory
  /** Floats. */
  readonly k: Memory
  /** Floats. */
  readonly v: Memory
  /** Floats. */
  readonly y: Memory
  /** Floats. */
  readonly dy: Memory
  /** Floats. */
  readonly mask?: Memory | undefined
  readonly boolean: boolean
  readonly causal: boolean
  readonly scale: number
  readonly p: number
  /** `4` floats. */
  readonly place?: Memory | undefined
  /** `batch * t` floats. */
  readonly logSums: Memory
  /** `batch * t * e` floats; written. */
  readonly dq?: Memory | undefined
  /** `batch * s * e` floats; written. */
  readonly dk?: Memory | undefined
  /** `batch * s * ev` floats; written. */
  readonly dv?: Memory | undefined
  /** Floats; written. */
  readonly all?: Memory | undefined
  readonly dims: Dimensions
}

/**
 * The gradients, from what forward read and wrote; they, `y` and `dy` have rows as `q`. Those of queries, keys and
 * values are arrays of their own, or begin at their starts in `all`.
 */
export function attentionBackward({ batch, t, s, e, ev, heads, qOuter, qHead, qRow, kOuter, kHead, kRow, vOuter, vHead, vRow, yOuter, yHead, yRow, dyOuter, dyHead, dyRow, dqOuter, dqHead, dqRow, dkOuter, dkHead, dkRow, dvOuter, dvHead, dvRow, dqStart, dkStart, dvStart, q, k, v, y, dy, mask, boolean, causal, scale, p, place, logSums, dq, dk, dv, all, dims }: AttentionBackward): void {
  dq?.willChange()
  dk?.willChange()
  dv?.willChange()
  all?.willChange()
  const qAt = q.address
  const kAt = k.address
  const vAt = v.address
  const yAt = y.address
  const dyAt = dy.address
  const maskAt = mask?.address ?? 0
  const placeAt = place?.address ?? 0
  const logSumsAt = logSums.address
  const dqAt = dq?.address ?? 0
  const dkAt = dk?.address ?? 0
  const dvAt = dv?.address ?? 0
  const allAt = all?.address ?? 0
  const row = startRow(65)
  row[2] = batch
  row[3] = t
  row[4] = s
  row[5] = e
  row[6] = ev
  row[7] = heads
  row[8] = qOuter
  row[9] = qHead
  row[10] = qRow
  row[11] = kOuter
  row[12] = kHead
  row[13] = kRow
  row[14] = vOuter
  row[15] = vHead
  row[16] = vRow
  row[17] = yOuter
  row[18] = yHead
  row[19] = yRow
  row[20] = dyOuter
  row[21] = dyHead
  row[22] = dyRow
  row[23] = dqOuter
  row[24] = dqHead
  row[25] = dqRow
  row[26] = dkOuter
  row[27] = dkHead
  row[28] = dkRow
  row[29] = dvOuter
  row[30] = dvHead
  row[31] = dvRow
  row[32] = dqStart
  row[33] = dkStart
  row[34] = dvStart
  row[35] = qAt
  row[36] = q.length
  row[37] = kAt
  row[38] = k.length
  row[39] = vAt
  row[40] = v.length
  row[41] = yAt
  row[42] = y.length
  row[43] = dyAt
  row[44] = dy.length
  row[45] = maskAt
  row[46] = mask?.length ?? 0
  row[47] = Number(boolean)
  row[48] = Number(causal)
  row[49] = scale
  row[50] = p
  row[51] = placeAt
  row[52] = place?.length ?? 0
  row[53] = logSumsAt
  row[54] = logSums.length
  row[55] = dqAt
  row[56] = dq?.length ?? 0
  row[57] = dkAt
  row[58] = dk?.length ?? 0
  row[59] = dvAt
  row[60] = dv?.length ?? 0
  row[61] = allAt
  row[62] = all?.length ?? 0
  writeDimensions(row, 63, dims)
  call(row, 'attentionBackward')
  if (dq) dq.version++
  if (dk) dk.version++
  if (dv) dv.version++
  if (all) all.version++
}

/** The arguments of `augment`. */
export interface Augment {
  readonly sourceRows: number
  readonly channels: number
  readonly h: number
  readonly w: number
  readonly outH: number
  readonly outW: number
  readonly padding: number
  readonly shift: number
  readonly cutout: number
  readonly first: number
  readonly count: number
  readonly flip: number
  readonly flipVertical: number
  readonly degrees: number
  readonly scaleLeast: number
  readonly scaleMost: number
  readonly noise: number
  readonly fill: number
  readonly seedLow: number
  readonly seedHigh: number
  readonly epoch: number
  /** `sourceRows * channels * h * w` bytes. */
  readonly source: Memory
  /** Words (u32). */
  readonly indices: Memory
  /** `channels + channels` floats. */
  readonly norms: Memory
  /** `count * channels * outH * outW` floats; written. */
  readonly y: Memory
}

/**
 * As `gatherU8`, of images [channels, h, w] that are changed at random on the way, each by its own numbers, to
 * [channels, out_h, out_w].
 */
export function augment({ sourceRows, channels, h, w, outH, outW, padding, shift, cutout, first, count, flip, flipVertical, degrees, scaleLeast, scaleMost, noise, fill, seedLow, seedHigh, epoch, source, indices, norms, y }: Augment): number {
  y.willChange()
  const sourceAt = source.address
  const indicesAt = indices.address
  const normsAt = norms.address
  const yAt = y.address
  const row = startRow(66)
  row[2] = sourceRows
  row[3] = channels
  row[4] = h
  row[5] = w
  row[6] = outH
  row[7] = outW
  row[8] = padding
  row[9] = shift
  row[10] = cutout
  row[11] = first
  row[12] = count
  row[13] = flip
  row[14] = flipVertical
  row[15] = degrees
  row[16] = scaleLeast
  row[17] = scaleMost
  row[18] = noise
  row[19] = fill
  row[20] = seedLow
  row[21] = seedHigh
  row[22] = epoch
  row[23] = sourceAt
  row[24] = source.length
  row[25] = indicesAt
  row[26] = indices.length
  row[27] = normsAt
  row[28] = norms.length
  row[29] = yAt
  row[30] = y.length
  const result = call(row, 'augment')
  y.version++
  return result
}
