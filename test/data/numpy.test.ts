/** .npy and .npz against files that NumPy wrote (test/fixtures/numpy_files.py). */
import { readFileSync } from 'node:fs'
import { ArgumentError, DataError, data, randn, Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

interface Fixture {
  npy: Record<string, { bytes: string; shape: number[]; values: (number | string)[] }>
  refused: Record<string, string>
  npz: Record<string, string>
  x: number[]
  y: number[]
}
const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/numpy.json', import.meta.url), 'utf8'),
) as Fixture
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))
const number = (value: number | string) =>
  typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : value

describe('parseNpy', () => {
  it.each(Object.entries(fixture.npy))('reads %s', (_, { bytes, shape, values }) => {
    const x = data.parseNpy(bytesOf(bytes))
    expect(x.shape).toEqual(shape)
    expect([...x.toFloat32Array()]).toEqual(values.map(number))
  })

  it.each(Object.entries(fixture.refused))('refuses %s', (_, bytes) => {
    expect(() => data.parseNpy(bytesOf(bytes), 'x.npy')).toThrow(DataError)
    expect(() => data.parseNpy(bytesOf(bytes), 'x.npy')).toThrow(/^x\.npy has /)
  })

  it('refuses what is cut off or too long, and what is no file', () => {
    const whole = bytesOf(fixture.npy['<f4'].bytes)
    for (let length = 0; length < whole.length; length++) {
      expect(() => data.parseNpy(whole.subarray(0, length))).toThrow(DataError)
    }
    expect(() => data.parseNpy(new Uint8Array([...whole, 0]))).toThrow(/should have 24 values of 4 bytes/)
    expect(() => data.parseNpy('x.npy' as never)).toThrow(ArgumentError)
    expect(() => data.parseNpy(whole.buffer as never)).toThrow(/new Uint8Array\(buffer\)/)
  })

  it('allocates nothing for a size that is a lie', () => {
    const text = Buffer.from(bytesOf(fixture.npy['<f4'].bytes)).toString('latin1')
    for (const lie of ['(9, 9, 9)', '(99999999, 99999999, 9999)', '(4, 3, 2, 0)']) {
      const changed = text.replace(/\(2, 3, 4\)( *)/, (all) => lie.padEnd(all.length))
      expect(() => data.parseNpy(new Uint8Array(Buffer.from(changed, 'latin1')))).toThrow(DataError)
    }
  })
})

describe('encodeNpy', () => {
  it.each(['<f4', 'vector', 'empty', 'scalar'])('writes the very bytes that NumPy writes: %s', (name) => {
    const { bytes, shape, values } = fixture.npy[name]
    const x = tensor(Float32Array.from(values.map(number)), { shape })
    expect(data.encodeNpy(x)).toEqual(bytesOf(bytes))
  })

  it('refuses what is no tensor', () => {
    expect(() => data.encodeNpy([1] as never)).toThrow(ArgumentError)
  })
})

describe('npz', () => {
  it.each(Object.entries(fixture.npz))('is read as numpy wrote it: %s', async (_, bytes) => {
    const { x, y, ...rest } = await data.parseNpz(bytesOf(bytes))
    expect(rest).toEqual({})
    expect([x.shape, [...x.toFloat32Array()]]).toEqual([[2, 3, 4], fixture.x])
    expect(y.toArray()).toEqual(fixture.y)
  })

  it('comes back as it was written', async () => {
    const tensors = {
      x: randn([3, 4]),
      'layer.weight': zeros([0, 2]),
      __proto__x: tensor(5),
      größe: randn([1]),
    }
    const back = await data.parseNpz(data.encodeNpz(tensors))
    expect(Object.keys(back)).toEqual(Object.keys(tensors))
    for (const [name, x] of Object.entries(tensors)) {
      expect(back[name].shape).toEqual(x.shape)
      expect(back[name].toFloat32Array()).toEqual(x.toFloat32Array())
    }
    expect(data.encodeNpz(tensors)).toEqual(data.encodeNpz(tensors))
  })

  it('takes no name for a path or a prototype', async () => {
    for (const name of ['../x', 'a/b', 'a\\b', '..', '', '\0']) {
      expect(() => data.encodeNpz({ [name]: zeros([1]) })).toThrow(ArgumentError)
    }
    const polluting = data.encodeNpz(Object.fromEntries([['__proto__', tensor(1)]]))
    const back = await data.parseNpz(polluting)
    expect(Object.keys(back)).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).shape).toBeUndefined()
    expect(Reflect.get(back, '__proto__')).toBeInstanceOf(Tensor)
  })

  it('is refused where any byte of it is another one', async () => {
    for (const [, base64] of Object.entries(fixture.npz)) {
      const whole = bytesOf(base64)
      const [before] = [await data.parseNpz(whole)]
      for (let at = 0; at < whole.length; at += 3) {
        const flipped = whole.slice()
        flipped[at] ^= 1 << (at % 8)
        // Dates and versions mean nothing; all else is an error.
        const back = await data.parseNpz(flipped).catch((error) => error)
        if (back instanceof Error) expect(back).toBeInstanceOf(DataError)
        else {
          const values = Object.values<Tensor>(back).map((x) => [...x.toFloat32Array()])
          expect(values).toEqual(Object.values(before).map((x) => [...x.toFloat32Array()]))
        }
      }
    }
  })

  it('refuses an archive of other files, and no archive', async () => {
    await expect(data.parseNpz(new Uint8Array(100))).rejects.toThrow(/no end of a directory/)
    await expect(data.parseNpz(5 as never)).rejects.toThrow(ArgumentError)
    expect(() => data.encodeNpz(null as never)).toThrow(ArgumentError)
    expect(() => data.encodeNpz({ x: 5 as never })).toThrow(/x is 5/)
  })
})
