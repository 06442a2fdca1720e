// Written by `cargo run --bin bindings` in crates/bnkernels from src/exports/mod.rs: change it there.

/** What is in the row of a kernel. */
export interface RowForm {
  /** Words without the dimensions, which are last. */
  readonly words: number
  readonly dims: boolean
  /** The words in which the address of an array stands; negative where the kernel writes it. */
  readonly arrays: readonly number[]
}

const form = (words: number, dims: 0 | 1, ...arrays: number[]): RowForm => ({
  words,
  dims: dims === 1,
  arrays,
})

/** By the kernels' numbers. */
export const ROW_FORMS: readonly RowForm[] = [
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
  form(21, 0, -2, 4, -6, -8, -10),
  form(18, 0, -2, 4, -6, -8, -10),
  form(14, 0, -2, 4, -6),
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
  form(20, 0, 16, -18),
  form(20, 0, 16, -18),
  form(14, 0, 8, 10, -12),
  form(17, 0, 4, 6, 8, -11, -13, -15),
  form(20, 0, 4, 6, 8, 10, 12, -14, -16, -18),
  form(21, 0, 6, 8, 10, -13, -15, -17, -19),
  form(24, 0, 6, 8, 10, 12, 14, 16, -18, -20, -22),
  form(14, 0, 6, -8, -10, -12),
  form(16, 0, 4, 6, -10, -12, -14),
  form(21, 0, 6, 8, 10, 12, 15, 17, -19),
  form(26, 0, 6, 8, 10, 12, 14, 17, -20, -22, -24),
  form(28, 0, 6, 8, 10, 12, 14, 16, 19, -22, -24, -26),
  form(0, 0),
  form(0, 0),
  form(23, 0, 6, 8, 10, 12, -14, -16, -18, -20),
  form(31, 0, 6, 8, 10, 12, 14, 16, 18, 20, -22, -24, -26, -28),
  form(27, 1, 7, 9, 11, 13, -23, -25),
  form(35, 1, 7, 9, 11, 13, 23, 25, 27, -29, -31, -33),
  form(31, 0, 23, 25, 27, -29),
]

/** The numbers of the kernels that run rows of others: such a row ends with them (exports/steps.rs). */
export const CHAINS = {
  chain: 58,
  batchNormChainForward: 59,
} as const

/** What is in their rows before the steps, by their numbers. */
export const CHAIN_FORMS: Readonly<Record<number, RowForm>> = {
  58: form(3, 0),
  59: form(18, 0, 5, 7, 9, 11, 14, 16),
}
