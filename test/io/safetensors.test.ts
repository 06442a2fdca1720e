import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError, DataError } from '../../src/errors.js'
import {
  compareNames,
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsEntry,
} from '../../src/io/safetensors.js'

const f32 = (shape: number[], ...values: number[]): SafetensorsEntry => {
  return { dtype: 'F32', shape, data: Float32Array.from(values) }
}
const i64 = (value: number): SafetensorsEntry => {
  return { dtype: 'I64', shape: [], data: Float32Array.of(value) }
}

/** A file with this header (text or an object) and these bytes of values. */
function file(header: unknown, values: ArrayLike<number> = []): Uint8Array {
  const json = typeof header === 'string' ? header : JSON.stringify(header)
  const text = new TextEncoder().encode(json)
  const bytes = new Uint8Array(8 + text.length + values.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true)
  bytes.set(text, 8)
  bytes.set(values, 8 + text.length)
  return bytes
}

const headerOf = (bytes: Uint8Array): string => {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  return new TextDecoder().decode(bytes.subarray(8, 8 + length))
}

describe('encodeSafetensors', () => {
  it('writes the bytes that the reference implementation writes', () => {
    const bytes = encodeSafetensors(
      { 'bn.weight': f32([3], 1, 2, 3), 'bn.num_batches_tracked': i64(7), 'bn.bias': f32([1], 5) },
      { format: 'pt' },
    )
    const header =
      '{"__metadata__":{"format":"pt"},' +
      '"bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
      '"bn.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},' +
      '"bn.weight":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}}'
    expect(headerOf(bytes).trimEnd()).toBe(header)
    const start = 8 + Math.ceil(header.length / 8) * 8
    expect(bytes.length).toBe(start + 24)
    const view = new DataView(bytes.buffer, start)
    expect(view.getBigInt64(0, true)).toBe(7n)
    expect([8, 12, 16, 20].map((at) => view.getFloat32(at, true))).toEqual([5, 1, 2, 3])
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('pads the header to 8 bytes (name of %i)', (length) => {
    const bytes = encodeSafetensors({ ['x'.repeat(length)]: f32([1], 1) })
    expect(headerOf(bytes).length % 8).toBe(0)
    expect(headerOf(bytes)).toMatch(/^\{.*\} *$/)
  })

  it('gives the same bytes whatever the order', () => {
    const [a, b] = [f32([2], 1, 2), f32([], 3)]
    expect(encodeSafetensors({ a, b }, { y: '1', x: '2' })).toEqual(
      encodeSafetensors({ b, a }, { x: '2', y: '1' }),
    )
  })

  it.each([
    ['a shape that does not fit', { w: f32([2, 2], 1, 2, 3) }, '"w" has the shape [2, 2] and 3'],
    ['a dtype that is not written', { w: { ...f32([1], 1), dtype: 'F16' } }, 'only F32 and I64'],
    ['a fraction as I64', { n: i64(1.5) }, '"n" is marked I64 and holds 1.5 at index 0'],
    ['NaN as I64', { n: i64(NaN) }, 'holds NaN'],
    ["the format's own name", { __metadata__: f32([], 1) }, 'Rename it'],
    ['a lone surrogate', { 'a\ud800': f32([], 1) }, 'lone surrogate'],
  ] satisfies [string, Record<string, SafetensorsEntry>, string][])('refuses %s', (_, entries, message) => {
    expect(() => encodeSafetensors(entries)).toThrow(ArgumentError)
    expect(() => encodeSafetensors(entries)).toThrow(message)
  })
})

describe('decodeSafetensors', () => {
  const bytesOf = (size: number, write: (view: DataView) => void): Uint8Array => {
    const view = new DataView(new ArrayBuffer(size))
    write(view)
    return new Uint8Array(view.buffer)
  }
  it.each([
    ['F32', [0x3fc00000], 4, [1.5]],
    ['I32', [0xfffffffe], 4, [-2]],
    ['BF16', [0xc020_3f80], 2, [1, -2.5]],
    ['F16', [0xc100_3c00], 2, [1, -2.5]],
    ['F16', [0x0001_7bff], 2, [65504, 2 ** -24]],
    ['F16', [0xfc00_7e00], 2, [NaN, -Infinity]],
    ['U8', [0xff020100], 1, [0, 1, 2, 255]],
    ['BOOL', [0x00010001], 1, [1, 0, 1, 0]],
  ])('reads %s', (dtype, words, size, values) => {
    const data = bytesOf(4, (view) => view.setUint32(0, words[0] ?? 0, true))
    const header = { x: { dtype, shape: [4 / size], data_offsets: [0, 4] } }
    expect([...(decodeSafetensors(file(header, data), 'f').entries.x?.data ?? [])]).toEqual(values)
  })

  it('reads I64 and F64, rounded to float32', () => {
    const data = bytesOf(16, (view) => {
      view.setBigInt64(0, -(2n ** 24n) - 1n, true)
      view.setFloat64(8, 0.1, true)
    })
    const { entries } = decodeSafetensors(
      file(
        {
          n: { dtype: 'I64', shape: [], data_offsets: [0, 8] },
          d: { dtype: 'F64', shape: [], data_offsets: [8, 16] },
        },
        data,
      ),
      'f',
    )
    expect(entries.n?.data[0]).toBe(-(2 ** 24))
    expect(entries.d?.data[0]).toBe(Math.fround(0.1))
  })

  it('keeps names such as __proto__ apart from objects', () => {
    const value = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
    const meta = '"__metadata__":{"__proto__":"m"}'
    const { entries, metadata } = decodeSafetensors(file(`{${meta},"__proto__":${value}}`, [9]), 'f')
    expect(Object.entries(entries)).toEqual([
      ['__proto__', { dtype: 'U8', shape: [1], data: Float32Array.of(9) }],
    ])
    expect(Object.entries(metadata)).toEqual([['__proto__', 'm']])
    expect('toString' in entries).toBe(false)
    const written = encodeSafetensors({ ['__proto__']: f32([1], 9) }, metadata)
    const again = decodeSafetensors(written, 'f')
    expect(Object.entries(again.entries)).toEqual([['__proto__', f32([1], 9)]])
    expect(again.metadata).toEqual(metadata)
  })

  it('reads from the middle of a buffer, at any alignment', () => {
    const bytes = encodeSafetensors({ a: f32([2], 1, 2) })
    const whole = new Uint8Array(bytes.length + 3)
    whole.set(bytes, 3)
    expect(decodeSafetensors(whole.subarray(3), 'f').entries.a?.data).toEqual(Float32Array.of(1, 2))
  })

  const at = (begin: number, end: number, rest: object = {}): object => {
    return { dtype: 'U8', shape: [end - begin], data_offsets: [begin, end], ...rest }
  }
  const long = new Uint8Array(16)
  new DataView(long.buffer).setBigUint64(0, 9n, true)
  const endless = new Uint8Array(16).fill(0xff)
  it.each([
    ['nothing', new Uint8Array(3), 'it has 3 bytes'],
    ['a header beyond the file', long, 'tell a header of 9 bytes, but after it are 8'],
    ['an endless header', endless, 'tell a header of 18446744073709551615 bytes'],
    ['HTML', new TextEncoder().encode('<!doctype html>'), 'It is HTML'],
    ["torch.save's zip", new TextEncoder().encode('PK\x03\x04 and so on'), 'read it with loadPyTorch'],
    ['no JSON', file('{"a":'), 'not JSON'],
    ['no UTF-8', file('{}').map((byte) => (byte === 0x7d ? 0xff : byte)), 'not JSON in UTF-8'],
    ['an array', file('[]'), 'not a JSON object'],
    ['null', file('null'), 'not a JSON object'],
    ['space before {', file(' {}'), "beginning with '{'"],
    ['a key twice', file('{"a\\u0062":1,"ab" : 2}'), 'the key "ab" twice'],
    ['a field twice', file('{"a":{"dtype":"U8","dtype":"U8"}}'), 'the key "dtype" twice'],
    ['no object', file({ a: 1 }), '"a" is not described'],
    ['an unknown dtype', file({ a: at(0, 1, { dtype: 'Q4' }) }, [1]), 'the dtype "Q4"'],
    ['an inherited dtype', file({ a: at(0, 1, { dtype: 'toString' }) }, [1]), 'simdgrad reads F32'],
    ['a negative size', file({ a: at(0, 1, { shape: [-1, -1] }) }, [1]), 'expected sizes'],
    ['no shape', file({ a: at(0, 1, { shape: 1 }) }, [1]), 'has the shape 1'],
    ['three offsets', file({ a: at(0, 1, { data_offsets: [0, 1, 2] }) }, [1]), '[begin, end]'],
    ['offsets backwards', file({ a: at(0, 1, { data_offsets: [1, 0] }) }, [1]), '[begin, end]'],
    ['another size', file({ a: at(0, 2, { shape: [3] }) }, [1, 2]), 'takes 3 bytes'],
    ['a truncated file', file({ a: at(0, 4) }, [1, 2, 3]), 'lies outside the file'],
    ['bytes to spare', file({ a: at(0, 2) }, [1, 2, 3]), 'has 1 bytes that belong to no tensor'],
    ['an overlap', file({ a: at(0, 2), b: at(1, 3) }, [1, 2, 3]), '"b" at [1, 3] overlaps'],
    ['a hole', file({ b: at(2, 3), a: at(0, 1) }, [1, 2, 3]), '"b" at [2, 3] leaves a hole'],
    ['metadata of numbers', file({ __metadata__: { a: 1 } }), 'must hold strings; "a" is none'],
    ['metadata that is none', file({ __metadata__: 'x' }), 'must be an object of strings'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'w.safetensors')).toThrow(DataError)
    expect(() => decodeSafetensors(bytes, 'w.safetensors')).toThrow(/^w\.safetensors/)
    expect(() => decodeSafetensors(bytes, 'w.safetensors')).toThrow(message)
  })

  it('refuses a header of more than 100 MB', () => {
    const bytes = new Uint8Array(100_000_010)
    new DataView(bytes.buffer).setBigUint64(0, 100_000_001n, true)
    expect(() => decodeSafetensors(bytes, 'f')).toThrow('more than the allowed 100000000')
  })
})

describe('round trip', () => {
  const wellFormed = fc.string({ unit: 'binary' })
  const floats = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }).chain((shape) => {
    const size = shape.reduce((a, b) => a * b, 1)
    const data = fc.float32Array({ minLength: size, maxLength: size })
    return data.map((values): SafetensorsEntry => ({ dtype: 'F32', shape, data: values }))
  })
  const counts = fc.integer({ min: -(2 ** 24), max: 2 ** 24 }).map((n) => i64(n))
  const dictionary = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<[string, T][]> => {
    const names = wellFormed.filter((name) => name !== '__metadata__')
    return fc.uniqueArray(fc.tuple(names, value), { selector: ([name]) => name, maxLength: 5 })
  }

  it('gives back what was written, in any order of the tensors', () => {
    fc.assert(
      fc.property(dictionary(fc.oneof(floats, counts)), dictionary(wellFormed), (list, strings) => {
        const bytes = encodeSafetensors(Object.fromEntries(list), Object.fromEntries(strings))
        const { entries, metadata } = decodeSafetensors(bytes, 'f')
        const byName = <T>([a]: [string, T], [b]: [string, T]): number => compareNames(a, b)
        expect(Object.entries(entries).sort(byName)).toEqual(list.toSorted(byName))
        expect(Object.entries(metadata).sort(byName)).toEqual(strings.toSorted(byName))
        expect(encodeSafetensors(entries, metadata)).toEqual(bytes)
      }),
    )
  })

  it('throws a DataError, and nothing else, on a damaged file', () => {
    const bytes = encodeSafetensors({ a: f32([2], 1, 2), n: i64(3) }, { format: 'pt' })
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (index, byte) => {
        try {
          decodeSafetensors(bytes.with(index, byte), 'f')
        } catch (error) {
          expect(error).toBeInstanceOf(DataError)
        }
        expect(() => decodeSafetensors(bytes.subarray(0, index), 'f')).toThrow(DataError)
      }),
      { numRuns: 500 },
    )
  })

  it("orders names as their UTF-8 bytes are ordered, which Python's sorted agrees with", () => {
    fc.assert(
      fc.property(wellFormed, wellFormed, (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
        expect(Math.sign(compareNames(a, b))).toBe(expected)
      }),
    )
    expect(compareNames('\u{1f600}', '\uffee')).toBeGreaterThan(0)
  })
})
