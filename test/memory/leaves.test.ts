/** When idle leaves, such as a data set, leave wasm memory: there they cost no more than outside, but for room. */
import { type Tensor, tensor, zeros } from 'simdgrad'
import { beforeEach, expect, it } from 'vitest'
import { endStep, makeRoom } from '../../src/bindings/steps.js'
import { initForTest } from '../support/init.js'

beforeEach(async () => {
  await initForTest()
  // What other tests left idle goes first.
  endStep()
  makeRoom()
})

/** A leaf of that many floats for each of so many steps; `kept` are all there is. */
function steps(count: number, size: number, each: (leaf: Tensor) => void): void {
  for (let step = 0; step < count; step++) {
    each(zeros([size]))
    endStep()
  }
}

it('stays while many leaves come and go', () => {
  const idle = tensor(new Float32Array(1000))
  let last: Tensor | undefined
  const replace = (leaf: Tensor) => {
    last?.dispose()
    last = leaf
  }
  steps(5000, 3, replace)
  steps(50, 1 << 20, replace)
  expect(idle.storage.resident).toBe(true)
})

it('moves out for many that stay, be they small or large', () => {
  for (const [count, size] of [
    [3000, 3],
    [12, 1 << 20],
  ]) {
    const idle = tensor([1, 2, 3])
    const kept: Tensor[] = []
    steps(count, size, (leaf) => kept.push(leaf))
    expect(idle.storage.resident).toBe(false)
    // And so do those that came first.
    expect(kept[0].storage.resident).toBe(false)
    expect(kept.at(-1)?.storage.resident).toBe(true)
    expect(idle.toArray()).toEqual([1, 2, 3])
    for (const leaf of kept) leaf.dispose()
  }
})

it('moves out when room is made', () => {
  const idle = tensor([1, 2, 3])
  endStep()
  makeRoom()
  expect(idle.storage.resident).toBe(false)
  expect(idle.toArray()).toEqual([1, 2, 3])
})
