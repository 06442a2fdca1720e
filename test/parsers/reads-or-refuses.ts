/** What is asked of every parser. */
import fc from 'fast-check'
import { DataError } from 'simdgrad'
import { expect } from 'vitest'
import { CASES, SEED } from './mutate.js'

export interface Parser<Input, Result> {
  inputs: fc.Arbitrary<Input>
  parse(input: Input): Result | Promise<Result>
  /** Compares what was read with what a naive reader reads. */
  check(result: Result, input: Input): void
  seed: number
  /** Default CASES. */
  cases?: number
  /** What errors call the file. Default 'the file'. */
  where?: string
  /** More than so many are read, and refused: or the files were changed too much or too little. */
  fewest?: { good: number; refused: number }
}

/** Each input is read rightly, or refused with a DataError that names the file; both happen. */
export async function readsOrRefuses<Input, Result>({
  inputs,
  parse,
  check,
  seed,
  cases = CASES,
  where = 'the file',
  fewest = { good: CASES / 50, refused: CASES / 4 },
}: Parser<Input, Result>): Promise<void> {
  let [good, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      let result: Result
      try {
        result = await parse(input)
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(DataError)
        expect((error as Error).message).toContain(where)
        return
      }
      good++
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
      check(result, input)
    }),
    { numRuns: cases, seed: seed + SEED },
  )
  expect(good).toBeGreaterThan(fewest.good)
  expect(refused).toBeGreaterThan(fewest.refused)
}
