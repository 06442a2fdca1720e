// Written by `cargo run --bin bindings` in crates/bnkernels from src/exports/mod.rs: change it there.

/** What is in the row of a kernel. */
export interface RowForm {
  /** Words without the dimensions, which are last. */
  readonly words: number
  readonly dims: boolean
  /** The words in which the address of an array stands; negative where the kernel writes it. */
  readonly arrays: readonly number[]
}

/** A form of these numbers. */
export const form = (words: number, dims: 0 | 1, ...arrays: number[]): RowForm => ({
  words,
  dims: dims === 1,
  arrays,
})

const later = form(0, 0)

/** By the kernels' numbers; those of the whole binary come with its kernels. */
export const ROW_FORMS: RowForm[] = [
  form(9, 0, 5, -7),
  form(13, 0, 5, 7, 9, -11),
  form(9, 1, 3, 5, -7),
  form(7, 0, 2, -5),
  form(9, 0, 2, 5, -7),
  form(6, 0, 2, -4),
  form(5, 0, -2),
  form(10, 0, 5, -8),
  form(11, 0, 5, -7, -9),
  form(11, 0, 5, 7, -9),
  form(8, 1, 4, -6),
  form(8, 0, 4, -6),
  form(6, 0, -4),
  form(8, 0, 4, -6),
  form(14, 1, 6, 8, 10, -12),
  form(8, 0, 4, -6),
  form(10, 0, 4, 6, -8),
  form(8, 0, 4, -6),
  form(10, 0, 4, 6, -8),
  form(12, 0, 4, 6, -8, -10),
  form(12, 0, 4, 6, 8, -10),
  form(8, 0, 4, 6),
  form(15, 0, -2, 4, -6),
  form(20, 0, -2, 4, -6, -8, -10),
  later,
  later,
  later,
  form(7, 0, 2, -4),
  form(10, 0, -2),
  form(10, 0, -2),
  form(10, 0, -2),
  form(8, 0, -2),
  form(15, 0, 7, 9, 11, -13),
  form(12, 0, 6, 8, -10),
  form(12, 0, 6, 8, -10),
  form(12, 0, 6, 8, -10),
  form(12, 0, 6, 8, -10),
  form(12, 0, 6, 8, -10),
  form(10, 0, 6, -8),
  form(11, 0, 7, -9),
  form(26, 0, 18, 20, 22, -24),
  form(26, 0, 18, 20, 22, -24),
  form(26, 0, 18, 20, -22, -24),
  form(30, 0, 18, 20, 22, -24, -26, -28),
  form(22, 0, 16, 18, -20),
  form(24, 0, 16, 18, 20, -22),
  later,
  later,
  later,
  later,
  later,
  later,
  later,
  form(14, 0, 6, -8, -10, -12),
  form(16, 0, 4, 6, -10, -12, -14),
  form(21, 0, 6, 8, 10, 12, 15, 17, -19),
  form(26, 0, 6, 8, 10, 12, 14, 17, -20, -22, -24),
  form(28, 0, 6, 8, 10, 12, 14, 16, 19, -22, -24, -26),
  later,
  later,
  later,
  later,
  later,
  later,
  later,
  later,
  later,
]

/** The numbers of the kernels that run rows of others: such a row ends with them (exports/steps.rs). */
export const CHAINS = {
  chain: 59,
  batchNormChainForward: 60,
} as const

/** The number of `unaryWithSlope`, and of the unary operations that it knows. */
export const WITH_SLOPE: { readonly row: number; readonly ops: readonly number[] } = { row: 58, ops: [8, 9, 21, 23] }
