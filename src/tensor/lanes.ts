/**
 * The layout `lanes`, batch in lanes, as kernels of strided arrays see it: an array of shape [N, d₁, d₂, …]
 * lies as blocks of 16 images, each as [d₁, d₂, …, 16]; the last block has what is left of N, rounded up to a
 * multiple of 4 (see crates/bnkernels/src/layout.rs).
 */
import { type Shape, sizeOf } from './shape.js'

const LANES = 16

/** Floats of an array in lanes. */
export function lanesLength([n, ...image]: Shape): number {
  return Math.ceil(n / 4) * 4 * sizeOf(image)
}

/** Blocks of one width: a row-major array [blocks, d₁, d₂, …, lanes]. */
export interface Piece {
  readonly blocks: number
  readonly lanes: number
  /** Blocks of 16 before it. */
  readonly before: number
}

/** The whole blocks of a batch together, and then the last one, if it is narrower. */
export function piecesOf(n: number): Piece[] {
  const [whole, rest] = [Math.floor(n / LANES), n % LANES]
  const pieces: Piece[] = []
  if (whole > 0) pieces.push({ blocks: whole, lanes: LANES, before: 0 })
  if (rest > 0) pieces.push({ blocks: 1, lanes: Math.ceil(rest / 4) * 4, before: whole })
  return pieces
}

/** Where a piece begins in an array whose images have so many elements. */
export function startOf({ before }: Piece, image: number): number {
  return before * LANES * image
}
