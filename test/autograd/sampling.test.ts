/** Regular and random numbers that are drawn as whole ones. */
import {
  ArgumentError,
  eye,
  linspace,
  manualSeed,
  multinomial,
  randint,
  randperm,
  type Tensor,
  tensor,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor) => [...x.toFloat32Array()]

describe('regular ones', () => {
  it('eye has ones on its diagonal', () => {
    expect(eye(2).toArray()).toEqual([
      [1, 0],
      [0, 1],
    ])
    expect(eye(2, 3).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ])
    expect([eye(0).shape, eye(3, 0).shape, eye(3, 1).toArray()]).toEqual([
      [0, 0],
      [3, 0],
      [[1], [0], [0]],
    ])
  })

  it('linspace has both ends exactly', () => {
    expect(linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1])
    expect(linspace(3, -3, 3).toArray()).toEqual([3, 0, -3])
    expect([linspace(1, 2, 1).toArray(), linspace(1, 2, 0).toArray()]).toEqual([[1], []])
    expect(linspace(0.1, 0.7, 101).at(-1).item()).toBe(Math.fround(0.7))
  })
})

describe('random ones', () => {
  it('are the same from the same seed, and go on', () => {
    const draw = () => [
      values(randint(10, [20])),
      values(randperm(20)),
      values(multinomial(tensor([1, 2, 3]), 2)),
    ]
    manualSeed(5)
    const [first, second] = [draw(), draw()]
    manualSeed(5)
    expect(draw()).toEqual(first)
    expect(second).not.toEqual(first)
  })

  it('randint has each number as often', () => {
    manualSeed(0)
    const drawn = values(randint(-2, 3, [50_000]))
    for (let v = -2; v < 3; v++) {
      expect(Math.abs(drawn.filter((each) => each === v).length - 10_000)).toBeLessThan(400)
    }
    expect(randint(1, [2, 0, 3]).shape).toEqual([2, 0, 3])
    expect(values(randint(2 ** 24, [1000])).every((v) => Number.isInteger(v) && v < 2 ** 24)).toBe(true)
  })

  it('randperm has each number once', () => {
    expect(values(randperm(1000)).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect([randperm(0).toArray(), randperm(1).toArray()]).toEqual([[], [0]])
  })

  it('multinomial draws by weight', () => {
    manualSeed(1)
    const drawn = values(multinomial(tensor([1, 0, 3, 6]), 20_000, { replacement: true }))
    const shares = [0, 1, 2, 3].map((v) => drawn.filter((each) => each === v).length / drawn.length)
    for (const [i, share] of [0.1, 0, 0.3, 0.6].entries())
      expect(Math.abs(shares[i] - share)).toBeLessThan(0.02)
    expect(shares[1]).toBe(0)
  })

  it('multinomial without replacement draws none twice, the heavier ones first', () => {
    manualSeed(2)
    let first = 0
    for (let i = 0; i < 500; i++) {
      const own = values(
        multinomial(
          tensor([
            [1, 3, 0, 6],
            [1, 1, 1, 1],
          ]),
          3,
        ),
      )
      expect([...own.slice(0, 3)].sort()).toEqual([0, 1, 3])
      expect(new Set(own.slice(3)).size).toBe(3)
      first += Number(own[0] === 3)
    }
    expect(Math.abs(first / 500 - 0.6)).toBeLessThan(0.07)
    expect(() =>
      multinomial(
        tensor([
          [1, 1],
          [0, 1],
        ]),
        2,
      ),
    ).toThrow(/row 1 has 1 weights above 0/)
    expect(() => multinomial(tensor([1, Number.NaN]), 1)).toThrow(ArgumentError)
  })
})
