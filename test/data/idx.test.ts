import { describe, expect, it } from 'vitest'
import { checkMnistPair, type IdxArray, parseIdx } from '../../src/data/idx.js'
import { DataError } from '../../src/errors.js'

/** An IDX file with the header's `shape` and as many values as `size` says (0, 1, 2, …). */
function idxFile(shape: number[], size = shape.reduce((a, b) => a * b, 1), type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + size)
  const view = new DataView(bytes.buffer)
  bytes.set([0, 0, type, shape.length])
  for (const [i, n] of shape.entries()) view.setUint32(4 + 4 * i, n)
  for (let i = 0; i < size; i++) bytes[4 + 4 * shape.length + i] = i
  return bytes
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

describe('parseIdx', () => {
  it.each([
    [[5]],
    [[2, 3]],
    [[2, 3, 4]],
    [[2, 1, 2, 3]],
    [[0]],
    [[0, 28, 28]],
  ])('reads shape and values of %j', (shape) => {
    const file = idxFile(shape)
    const array = parseIdx(file, 'f')
    expect(array.shape).toEqual(shape)
    expect([...array.data]).toEqual([...file.subarray(4 + 4 * shape.length)])
  })

  it('copies nothing, and reads from the middle of a buffer', () => {
    const file = idxFile([2, 2])
    const whole = new Uint8Array(file.length + 3)
    whole.set(file, 3)
    const { shape, data } = parseIdx(whole.subarray(3), 'f')
    expect(shape).toEqual([2, 2])
    expect(data.buffer).toBe(whole.buffer)
    expect(data.byteOffset).toBe(3 + 12)
  })

  it.each([
    ['empty', new Uint8Array(0), 'too short for an IDX header: it has 0 bytes'],
    ['3 bytes', new Uint8Array([0, 0, 8]), 'too short for an IDX header: it has 3 bytes'],
    ['a cut header', idxFile([9, 9, 9]).subarray(0, 15), '3 dimensions alone take 16'],
    ['one byte less', idxFile([2, 3], 5), 'is truncated'],
    ['the lengths', idxFile([2, 3], 5), '12 + 6 = 18 bytes, and it has 17'],
    ['one byte more', idxFile([2, 3], 7), 'is too long'],
    ['HTML', text('\n<!doctype html><title>404</title>'), 'it is HTML'],
    ['gzip', new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0]), 'it is gzip'],
    ['floats', idxFile([2], 8, 0x0d), 'IDX file of float32'],
    ['an unknown type', idxFile([2], 2, 0x77), 'type byte 0x77'],
    ['rank 0', new Uint8Array([0, 0, 8, 0, 1]), 'its rank is 0'],
    ['another file', text('PK\x03\x04'), '0x504b0304; expected 0x00000803'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseIdx(bytes, 'folder/name')).toThrow(DataError)
    expect(() => parseIdx(bytes, 'folder/name')).toThrow(/^folder\/name /)
    expect(() => parseIdx(bytes, 'folder/name')).toThrow(message)
  })

  it('refuses sizes whose product is beyond any number', () => {
    const file = idxFile(
      Array.from({ length: 40 }, () => 0xffffffff),
      0,
    )
    expect(() => parseIdx(file, 'f')).toThrow('truncated')
  })
})

describe('checkMnistPair', () => {
  const images: IdxArray = { shape: [3, 2, 2], data: new Uint8Array(12) }
  const labels = (...values: number[]): IdxArray => ({
    shape: [values.length],
    data: Uint8Array.from(values),
  })
  const check = (i: IdxArray, l: IdxArray, classes?: number): (() => void) => {
    return () => checkMnistPair(i, l, 'I', 'L', classes)
  }

  it('takes what belongs together', () => {
    expect(check(images, labels(0, 9, 5))).not.toThrow()
    expect(check(images, labels(0, 46, 5), 47)).not.toThrow()
  })

  it.each([
    ['counts', images, labels(1, 2), 'I has 3 images and L has 2 labels'],
    ['the first label beyond', images, labels(1, 10, 200), 'L has the label 10 at index 1'],
    ['swapped files', labels(1), labels(1), 'I should hold images'],
    ['labels of rank 3', images, images, 'L should hold labels of shape [count]'],
  ])('names %s', (_, i, l, message) => {
    expect(check(i, l)).toThrow(DataError)
    expect(check(i, l)).toThrow(message)
  })
})
