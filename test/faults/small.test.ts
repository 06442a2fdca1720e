/** A runtime that grants little memory, or none that is shared, is one that computes or says why it can't. */
import { expect, it } from 'vitest'
import { runChild } from '../support/child.js'

it.each([1, 16, 20, 32, 64])('where %i MiB are granted', { timeout: 30_000 }, async (mebibytes) => {
  const { product } = await runChild<{ product: unknown }>(new URL('small.mjs', import.meta.url), [mebibytes])
  expect([true, 'InitError', 'OutOfMemoryError']).toContain(product)
})
