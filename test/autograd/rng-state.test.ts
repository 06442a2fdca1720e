import { ArgumentError, getRngState, manualSeed, nn, ones, randn, randperm, setRngState } from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const draw = () => [
  ...randn([5]).toFloat32Array(),
  ...randperm(7).toFloat32Array(),
  ...new nn.Dropout(0.5).forward(ones([9])).toFloat32Array(),
]

it('the stream of random numbers goes on where it stood, also through JSON', () => {
  manualSeed(2 ** 40 + 3)
  draw()
  const state = JSON.parse(JSON.stringify(getRngState()))
  const next = draw()
  const behind = getRngState()
  manualSeed(1)
  draw()
  setRngState(state)
  expect(getRngState()).toEqual(state)
  expect(draw()).toEqual(next)
  expect(getRngState()).toEqual(behind)
  expect(draw()).not.toEqual(next)
})

it('what is no state changes nothing', () => {
  manualSeed(5)
  const before = getRngState()
  for (const wrong of [null, {}, { seed: 1 }, { seed: 1.5, position: 0 }, { seed: 1, position: -1 }]) {
    expect(() => setRngState(wrong as never)).toThrow(ArgumentError)
  }
  expect(getRngState()).toEqual(before)
})
