/** How far apart two threads' cores are, for the record of a run. */
import { expect, it } from 'vitest'
import { provenance } from '../../bench/report/page.mjs'
import { roundTrip } from '../../bench/round-trip.mjs'

it('a word goes to another thread and back, in nanoseconds', async () => {
  // (No two threads of a machine are nearer than one core's first cache.)
  expect(await roundTrip()).toBeGreaterThan(5)
})

it('a run says what it was before and after, and older ones do not', () => {
  const machine = { cpu: 'a CPU', cores: 2, memoryGB: 8, os: 'linux', load: [0] }
  const part = {
    date: '2026-11-28T09:00:00.000Z',
    seconds: 1,
    versions: {},
    options: {},
    figures: [],
    missing: [],
    cells: [],
    notes: [],
  }
  const told = (/** @type {object} */ more: object) =>
    provenance({ ...part, machine: { ...machine, ...more } })[1]
  expect(told({ roundTrip: [104, 530] })).toMatch(
    /load 0, a word to another thread and back 104, then 530 ns$/,
  )
  expect(told({})).toMatch(/load 0$/)
})
