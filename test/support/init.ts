import { type Backend, init } from 'simdgrad'
import { expect } from 'vitest'
import { BINARIES } from './binaries.js'

/** The binary that the tests run on: SIMDGRAD_TEST_BINARY, default strict-shared. */
export const testBinary = process.env.SIMDGRAD_TEST_BINARY ?? 'strict-shared'

/** Calls `init` for the binary under test. Fails where the runtime gives another one: no silent fallback. */
export async function initForTest(): Promise<Backend> {
  const options = BINARIES[testBinary]
  if (!options) {
    throw new Error(
      `SIMDGRAD_TEST_BINARY is '${testBinary}', expected one of ${Object.keys(BINARIES).join(', ')}`,
    )
  }
  const backend = await init(options)
  const got = `${backend.simd}-${backend.shared ? 'shared' : 'unshared'}`
  expect(got, `asked for ${testBinary}, but ${backend.reason}`).toBe(testBinary)
  expect(backend.threads).toBe(options.threads)
  return backend
}
