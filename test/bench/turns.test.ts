import { describe, expect, it } from 'vitest'
import { takeTurns } from '../../bench/turns.mjs'

/** A runner whose step takes as long as it says, on a clock of its own. */
function runner(name: string, secondsPerStep: number, order: string[], more: object = {}) {
  const run = async (steps: number) => {
    order.push(`${name} ${steps}`)
    return steps * secondsPerStep
  }
  return { name, secondsPerStep, run, ...more }
}

describe('takeTurns', () => {
  it('gives each side a turn of about the same time in every round', async () => {
    const order: string[] = []
    const samples = await takeTurns([runner('a', 0.01, order), runner('b', 0.03, order)], {
      rounds: 2,
      turn: 0.1,
    })
    expect(order).toEqual(['a 10', 'b 3', 'a 10', 'b 3'])
    expect(samples.get('a')).toEqual([0.01, 0.01])
  })

  it('runs a whole step of a slow side, and in its rounds only', async () => {
    const order: string[] = []
    const slow = runner('slow', 2, order, { rounds: 1 })
    const samples = await takeTurns([slow, runner('a', 0.1, order)], { rounds: 2, turn: 0.1 })
    expect(order).toEqual(['slow 1', 'a 1', 'a 1'])
    expect(samples.get('slow')).toEqual([2])
  })

  it('puts sides whose threads spin on last, and waits for them before the next round', async () => {
    const order: string[] = []
    const start = performance.now()
    await takeTurns([runner('torch', 0.1, order, { spins: true }), runner('a', 0.1, order)], {
      rounds: 2,
      turn: 0.1,
    })
    expect(order).toEqual(['a 1', 'torch 1', 'a 1', 'torch 1'])
    expect(performance.now() - start).toBeGreaterThan(700)
  })
})
