import { describe, expect, it } from 'vitest'
import { takeTurns } from '../../bench/turns.mjs'

/** A machine of two processors, busy until a time of its own clock; it notes in `order` how long was waited. */
function machine(busyUntil: number, order: string[]) {
  let clock = 0
  let idle = 0
  return {
    now: () => clock,
    times: () => ({ all: 2 * clock, idle }),
    async wait(milliseconds: number) {
      order.push(`wait ${milliseconds}`)
      const end = clock + milliseconds
      idle += 2 * Math.max(0, end - Math.max(clock, busyUntil))
      clock = end
    },
  }
}

/** A runner whose step takes as long as it says, on a clock of its own. */
function runner(name: string, secondsPerStep: number, order: string[], more: object = {}) {
  const run = async (steps: number) => {
    order.push(`${name} ${steps}`)
    return steps * secondsPerStep
  }
  return { name, secondsPerStep, run, ...more }
}

/** For tests that are not about waiting. */
const quiet = () => machine(0, [])

describe('takeTurns', () => {
  it('gives each side a turn of about the same time in every round', async () => {
    const order: string[] = []
    const sides = [runner('a', 0.01, order), runner('b', 0.03, order)]
    const samples = await takeTurns(sides, { rounds: 2, turn: 0.1 }, quiet())
    expect(order).toEqual(['a 10', 'b 3', 'a 10', 'b 3'])
    expect(samples.get('a')).toEqual([0.01, 0.01])
  })

  it('runs a whole step of a slow side, and in its rounds only', async () => {
    const order: string[] = []
    const sides = [runner('slow', 2, order, { rounds: 1 }), runner('a', 0.1, order)]
    const samples = await takeTurns(sides, { rounds: 2, turn: 0.1 }, quiet())
    expect(order).toEqual(['slow 1', 'a 1', 'a 1'])
    expect(samples.get('slow')).toEqual([2])
  })

  it('waits once, before the first round, where no threads spin on', async () => {
    const order: string[] = []
    await takeTurns([runner('a', 0.1, order)], { rounds: 2, turn: 0.1 }, machine(0, order))
    expect(order).toEqual(['wait 150', 'a 1', 'a 1'])
  })

  it('puts sides whose threads spin on last, and waits before each round', async () => {
    const order: string[] = []
    const sides = [runner('torch', 0.1, order, { spins: true }), runner('a', 0.1, order)]
    await takeTurns(sides, { rounds: 2, turn: 0.1 }, machine(0, order))
    expect(order).toEqual(['wait 150', 'a 1', 'torch 1', 'wait 150', 'a 1', 'torch 1'])
  })

  it('waits until less than a tenth of the machine is busy', async () => {
    const order: string[] = []
    // In the third wait it is idle for 140 of 150 ms.
    await takeTurns([runner('a', 0.1, order)], { rounds: 1, turn: 0.1 }, machine(310, order))
    expect(order).toEqual(['wait 150', 'wait 150', 'wait 150', 'a 1'])
    order.length = 0
    // And here for 134 of 150: one wait more.
    await takeTurns([runner('a', 0.1, order)], { rounds: 1, turn: 0.1 }, machine(316, order))
    expect(order).toEqual(['wait 150', 'wait 150', 'wait 150', 'wait 150', 'a 1'])
  })

  it('waits for 3 s and no longer', async () => {
    const order: string[] = []
    await takeTurns([runner('a', 0.1, order)], { rounds: 1, turn: 0.1 }, machine(Infinity, order))
    expect(order).toEqual([...Array(20).fill('wait 150'), 'a 1'])
  })
})
