/** Nothing holds on to a view of wasm memory over what may make it grow (fault 3). */
import { describe, expect, it } from 'vitest'
import { runChild } from '../support/child.js'

const script = new URL('growth.mjs', import.meta.url)

describe.each([1, 2])('with %i threads, while memory grows', { timeout: 30_000 }, (threads) => {
  it.each([
    'copy_',
    'copy_ of an idle one',
    'copy_ between two idle ones',
    'copy_ of a convolution',
    'copy_ to a convolution',
    'loadStateDict',
    'fill_',
    'a sum of idle ones',
    'a product of idle matrices',
    'an optimizer with momentum',
    'a batch of an idle dataset',
    'a backward whose inputs were idle',
  ])('%s is right', async (scenario) => {
    expect(await runChild(script, [scenario, threads])).toBe(true)
  })
})
