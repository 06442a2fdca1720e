/** Files that mean harm, made by hand: each is refused with a DataError, soon, and without taking memory. */
import { deflateRawSync } from 'node:zlib'
import { DataError, loadPyTorch, loadPyTorchTree, SimdgradError, tensor } from 'simdgrad'
import { loadOnnx } from 'simdgrad/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { crc32 } from '../../src/bytes/crc32.js'
import { readZip, writeZip } from '../../src/bytes/zip.js'
import { readIndex } from '../../src/io/sharded.js'
import { ATTRIBUTES, loadCodec, type ModelProto, type Partly, TYPES } from '../../src/onnx/proto.js'
import { readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))
const quiet = { onMessage: () => {} }

/** Refused, and nothing large was made: memory grows by less than 400 MB, of which plain values may take 256. */
async function refused(read: () => unknown, message: RegExp): Promise<void> {
  const before = process.memoryUsage()
  let error: unknown
  try {
    await read()
  } catch (thrown) {
    error = thrown
  }
  expect(error, String(error)).toBeInstanceOf(DataError)
  expect((error as Error).message).toMatch(message)
  const now = process.memoryUsage()
  expect(now.heapUsed + now.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(4e8)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
}

/** What a ZIP entry says of itself. */
interface Entry {
  name: string
  data: Uint8Array
  method?: number
  size?: number
  packed?: number
  crc?: number
  flags?: number
  /** Where it says that it lies. */
  place?: number
  extra?: Uint8Array
}

/** A ZIP archive that says what it is told to. */
function zip(entries: readonly Entry[], end: { count?: number; zip64?: bigint } = {}): Uint8Array {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const entry of entries) {
    const { name, data, method = 0, size = data.length, packed = data.length, crc = crc32(data) } = entry
    const { flags = 0, place = at, extra = new Uint8Array() } = entry
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(flags, 2)
    fields.writeUInt16LE(method, 4)
    fields.writeUInt32LE(crc, 10)
    fields.writeUInt32LE(packed, 14)
    fields.writeUInt32LE(size, 18)
    fields.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), data])
    if (entry.place === undefined) {
      parts.push(local)
      at += local.length
    }
    fields.writeUInt16LE(extra.length, 24)
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(place, 10)
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), fields, rest, Buffer.from(name), extra]),
    )
  }
  const size = directory.reduce((sum, one) => sum + one.length, 0)
  const last = Buffer.alloc(22)
  last.write('PK\x05\x06', 'latin1')
  last.writeUInt16LE(end.count ?? entries.length, 8)
  last.writeUInt16LE(end.count ?? entries.length, 10)
  last.writeUInt32LE(size, 12)
  last.writeUInt32LE(at, 16)
  if (end.zip64 === undefined) return Buffer.concat([...parts, ...directory, last])
  const long = Buffer.alloc(56)
  long.write('PK\x06\x06', 'latin1')
  long.writeBigUInt64LE(44n, 4)
  long.writeBigUInt64LE(end.zip64, 32)
  long.writeBigUInt64LE(BigInt(size), 40)
  long.writeBigUInt64LE(BigInt(at), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 'latin1')
  locator.writeBigUInt64LE(BigInt(at + size), 8)
  return Buffer.concat([...parts, ...directory, long, locator, last])
}

const pt = (pickle: string | Uint8Array, more: readonly Entry[] = []) =>
  zip([{ name: 'a/data.pkl', data: typeof pickle === 'string' ? bytesOf(pickle) : pickle }, ...more])

describe('archives', () => {
  const zeros = new Uint8Array(1 << 20)
  const packed = deflateRawSync(zeros)

  it('that unpack to more than they have', async () => {
    const bomb = Array.from({ length: 50 }, (_, i) => ({
      ...{ name: `a/data/${i}`, data: packed, method: 8, size: zeros.length, crc: crc32(zeros) },
    }))
    await refused(
      () => loadPyTorch(pt('}.', bomb)),
      /unpacks to \d+ bytes from \d+; torch\.save packs nothing/,
    )
  })

  it.each<[string, readonly Entry[], RegExp]>([
    [
      'a deflated entry that says it is larger',
      [{ name: 'x', data: packed, method: 8, size: 1 << 30 }],
      /says a size of/,
    ],
    [
      'a deflated entry that is larger than it says',
      [{ name: 'x', data: packed, method: 8, size: 100 }],
      /larger than it says/,
    ],
    [
      'a deflated entry that is smaller than it says',
      [{ name: 'x', data: packed, method: 8, size: zeros.length + 1 }],
      /smaller than it says/,
    ],
    ['a stored entry of another size', [{ name: 'x', data: zeros, size: 5 }], /says a size of 5/],
    [
      'what does not inflate',
      [{ name: 'x', data: new Uint8Array(40).fill(255), method: 8, size: 50 }],
      /no sound ZIP/,
    ],
    [
      'an entry past the end',
      [{ name: 'x', data: zeros, packed: 2 ** 31, size: 2 ** 31 }],
      /ends past the archive/,
    ],
    [
      'an entry at 4 GB',
      [
        { name: 'x', data: zeros },
        { name: 'y', data: zeros, place: 2 ** 32 - 2 },
      ],
      /is not there/,
    ],
    [
      'entries that lie over each other',
      [
        { name: 'x', data: zeros },
        { name: 'y', data: zeros, place: 0 },
      ],
      /lies over/,
    ],
    [
      'the same name twice',
      [
        { name: 'x', data: zeros },
        { name: 'x', data: zeros },
      ],
      /"x" twice/,
    ],
    ['an encrypted entry', [{ name: 'x', data: zeros, flags: 1 }], /is encrypted/],
    ['another way of packing', [{ name: 'x', data: zeros, method: 12 }], /packed by method 12/],
    ['a wrong sum', [{ name: 'x', data: zeros, crc: 1 }], /fails its check sum/],
    [
      'sizes of 64 bits that are none',
      [
        {
          name: 'x',
          data: zeros,
          size: 2 ** 32 - 1,
          packed: 2 ** 32 - 1,
          extra: Buffer.from(`0100100000${'ff'.repeat(7)}00${'ff'.repeat(7)}`, 'hex'),
        },
      ],
      /ends past the archive|damaged/,
    ],
  ])('with %s', async (_, entries, message) => {
    await refused(async () => {
      for (const entry of readZip(zip(entries), 'the file')) await entry.read()
    }, message)
  })

  it('that say another number of entries, of 16 and 64 bits', async () => {
    const entries = [{ name: 'x', data: zeros }]
    for (const end of [{ count: 2 }, { count: 0 }, { count: 65_535 }, { zip64: 2n ** 60n }, { zip64: 0n }])
      await refused(() => readZip(zip(entries, end), 'the file'), /no sound ZIP archive/)
    expect(readZip(zip(entries, { zip64: 1n }), 'the file')).toHaveLength(1)
  })

  it('whose names lead out of it, or to a prototype', async () => {
    for (const name of ['../../etc/passwd', '/etc/passwd', '__proto__', 'a/data/../0'])
      expect(readZip(writeZip([[name, zeros]]), 'the file')[0].name).toBe(name)
    await refused(() => loadPyTorch(zip([{ name: '../data.pkl', data: bytesOf('N.') }])), /no state dict/)
  })
})

describe('pickles', () => {
  const many = (text: string, count: number) => text.repeat(count)
  const storage = (count: string) =>
    `((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu${count}tQ`

  it.each<[string, string, RegExp]>([
    ['tuples in tuples as a key', `}K\x01${many('\x85', 200_000)}K\x02s.`, /holds no state dict/],
    [
      'tuples in tuples',
      `}X\x01\0\0\0w${many('\x85', 200_000).replace(/^/, 'K\x01')}s.`,
      /holds no state dict/,
    ],
    [
      'lists that hold each other twice',
      `}X\x01\0\0\0w](K\x01e${Array.from({ length: 60 }, (_, i) => `q${String.fromCharCode(i)}0](h${String.fromCharCode(i)}h${String.fromCharCode(i)}e`).join('')}s.`,
      /holds no state dict/,
    ],
    [
      'a device of such',
      `ctorch\ndevice\n](K\x01e${Array.from({ length: 60 }, (_, i) => `q${String.fromCharCode(i)}0](h${String.fromCharCode(i)}h${String.fromCharCode(i)}e`).join('')}\x85R.`,
      /a device that is none/,
    ],
    ['a list that holds itself', '}X\x01\0\0\0w]q\0(h\0h\0e0h\0s.', /holds no state dict/],
    [
      'a dictionary that is copied again and again',
      `](}(${Array.from({ length: 20_000 }, (_, i) => `M${String.fromCharCode(i & 255, i >> 8)}N`).join('')}uq\0${many('ccollections\nOrderedDict\nq\x01h\0\x85R', 1)}${many('h\x01h\0\x85R', 20_000)}e.`,
      /again and again/,
    ],
    [
      'dictionaries that hold the next one very often',
      `}q\0${Array.from({ length: 5 }, (_, d) => `}(${Array.from({ length: 20_000 }, (_, i) => `M${String.fromCharCode(i & 255, i >> 8)}h${String.fromCharCode(d)}`).join('')}uq${String.fromCharCode(d + 1)}`).join('')}.`,
      /holds no state dict/,
    ],
    ['a memo that is not there', 'j\xff\xff\xff\xff.', /no pickle|damaged/],
    ['a memo at the end of all numbers', '}r\xff\xff\xff\xff.', /holds no state dict/],
    ['a text of 2^63 bytes', '\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.', /ends early/],
    ['a whole number of 2^31 bytes', '\x8b\xff\xff\xff\x7f.', /whole number of/],
    ['a decimal number of a million digits', `I${many('9', 1_000_000)}\n.`, /for a whole number/],
    ['marks alone', `${many('(', 1_000_000)}.`, /takes a value that is not there/],
    ['a tuple as long as the file', `(${many('K\x01', 500_000)}t.`, /holds no state dict/],
    ['a call of a value', '}K\x01\x85R.', /calls what is no function/],
    ['a call without a tuple', 'ccollections\nOrderedDict\nK\x01R.', /calls what is no function/],
    ['an ordered dictionary of texts', 'ccollections\nOrderedDict\nX\x02\0\0\0ab\x85R.', /of no pairs/],
    [
      'an ordered dictionary of itself',
      '](ccollections\nOrderedDict\n]q\0(h\0h\0e\x85Re.',
      /holds no state dict|no pairs/,
    ],
    ['a tensor of nothing', 'ctorch._utils\n_rebuild_tensor_v2\n)R.', /tensor without a storage/],
    [
      'a parameter of nothing',
      '}X\x01\0\0\0wctorch._utils\n_rebuild_parameter\n)Rs.',
      /state dict|no pickle|not there/,
    ],
    ['a size of texts', '}X\x01\0\0\0wctorch\nSize\n(X\x01\0\0\0atRs.', /holds no state dict/],
    ['a dtype that is called', 'ctorch\nfloat32\n)R.', /damaged: it calls torch.float32/],
    ['a name on a prototype', 'ctorch\nconstructor\n.', /names "torch.constructor"/],
    ['another name on a prototype', 'c__proto__\n__proto__\n.', /names "__proto__.__proto__"/],
    ['a system call', 'cos\nsystem\nX\x02\0\0\0ls\x85R.', /names "os.system"/],
    ['getattr of what is known', 'cbuiltins\ngetattr\n.', /names "builtins.getattr"/],
    ['a state for what has none', ']}b.', /sets the state of what has none/],
    [
      'a storage with a path',
      '(X\x07\0\0\0storagectorch\nFloatStorage\nX\x0e\0\0\0../../etc/hostsX\x03\0\0\0cpuK\x01tQ.',
      /no pickle|nothing is|state dict|not read/,
    ],
    [
      'a storage of less than nothing',
      '(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuJ\xff\xff\xff\xfftQ.',
      /says two things|damaged/,
    ],
    [
      'a tensor of very many dimensions',
      `ctorch._utils\n_rebuild_tensor_v2\n(${storage('K\x01').slice(1)}K\0(${many('K\x01', 100_000)}tq\0h\0\x89NtR.`,
      /sizes or strides are none/,
    ],
  ])('%s', async (_, pickle, message) => {
    await refused(() => loadPyTorch(pt(pickle), quiet), message)
    const began = performance.now()
    await loadPyTorchTree(pt(pickle), quiet).catch((error) => expect(error).toBeInstanceOf(SimdgradError))
    expect(performance.now() - began).toBeLessThan(60_000)
  })

  it('with keys of prototypes give objects that have none', async () => {
    const tree = (await loadPyTorchTree(
      pt('}X\x09\0\0\0__proto__}X\x08\0\0\0pollutedK\x01ss.'),
      quiet,
    )) as object
    expect(Object.getPrototypeOf(tree)).toBeNull()
    expect(Object.keys(tree)).toEqual(['__proto__'])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    const { files } = readFixture<{ files: Record<string, { bytes: string }> }>('torch-files.json')
    const state = await loadPyTorch(new Uint8Array(Buffer.from(files.names.bytes, 'base64')), quiet)
    expect(Object.keys(state).length).toBeGreaterThan(0)
  })
})

describe('indices of safetensors files', () => {
  it.each([
    ...['../x', '..', '/etc/passwd', 'a/b', 'a\\\\b', 'C:x', 'x%2f..', 'x?y', 'x#y', '', '.'],
    ...['x\\u0000', '\\u002e\\u002e'],
  ])('with a file %j', async (file) => {
    await refused(
      () => readIndex(bytesOf(`{"weight_map":{"w":"${file}"}}`), 'the file'),
      /no name of a file beside it/,
    )
  })

  it('with names of prototypes', () => {
    const read = readIndex(bytesOf('{"weight_map":{"__proto__":"a","constructor":"a"}}'), 'the file')
    expect([...(read.get('a') ?? [])]).toEqual(['__proto__', 'constructor'])
  })

  it('nested without an end', async () => {
    await refused(() => readIndex(bytesOf(`{"weight_map":${'['.repeat(200_000)}`), 'the file'), /no JSON/)
  })
})

describe('ONNX models', () => {
  type Graph = Partly<ModelProto['graph']>
  const info = (name: string) => ({
    name,
    type: { value: { case: 'tensorType', value: { elemType: TYPES.float } } },
  })
  const load = async (changes: Graph, opset = 18n) => {
    const model: Partly<ModelProto> = {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: opset }],
      graph: { name: 'g', input: [info('x')], output: [{ name: 'y' }], ...changes },
    }
    return loadOnnx((await loadCodec()).encode(model))
  }
  const int64 = (name: string, values: readonly bigint[], dims = [BigInt(values.length)]) => ({
    name,
    dims,
    dataType: TYPES.int64,
    rawData: new Uint8Array(BigInt64Array.from(values).buffer),
  })
  const node = (opType: string, input: readonly string[], output: readonly string[], more: object = {}) => ({
    opType,
    name: output[0],
    input,
    output,
    ...more,
  })
  const ints = (name: string, values: readonly bigint[]) => ({ name, type: ATTRIBUTES.ints, ints: values })
  const int = (name: string, i: bigint) => ({ name, type: ATTRIBUTES.int, i })

  it.each<[string, Graph, RegExp]>([
    [
      'a circle',
      { node: [node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Relu', ['b'], ['y'])] },
      /nothing before it gives/,
    ],
    ['a node that takes itself', { node: [node('Relu', ['y'], ['y'])] }, /nothing before it gives/],
    [
      'a weight with less than nothing',
      { node: [node('Add', ['x', 'w'], ['y'])], initializer: [int64('w', [1n], [-1n])] },
      /shape|values/,
    ],
    [
      'a weight of minus times minus',
      { node: [node('Add', ['x', 'w'], ['y'])], initializer: [int64('w', [1n], [-1n, -1n])] },
      /shape \[-1,-1\], which is none/,
    ],
    [
      'a weight of 2^62',
      { node: [node('Add', ['x', 'w'], ['y'])], initializer: [int64('w', [1n], [2n ** 62n])] },
      /which is none|has 1 values/,
    ],
    [
      'a weight of nothing times all',
      { node: [node('Add', ['x', 'w'], ['y'])], initializer: [int64('w', [], [0n, 2n ** 62n])] },
      /which is none|larger|dimensions|has/,
    ],
    [
      'very many dimensions',
      {
        node: [node('Add', ['x', 'w'], ['y'])],
        initializer: [int64('w', [1n], new Array(100_000).fill(1n))],
      },
      /which is none/,
    ],
    [
      'values in another file',
      {
        node: [node('Add', ['x', 'w'], ['y'])],
        initializer: [
          {
            name: 'w',
            dims: [1n],
            dataType: TYPES.float,
            dataLocation: 1,
            externalData: [{ key: 'location', value: '../../etc/passwd' }],
          },
        ],
      },
      /values in another file, which is not read/,
    ],
    [
      'constants that are large together',
      {
        initializer: [int64('n', [2n ** 24n])],
        node: [
          ...Array.from({ length: 100 }, (_, i) => node('ConstantOfShape', ['n'], [`c${i}`])),
          node('Relu', ['x'], ['y']),
        ],
      },
      /more than \d+ in all/,
    ],
    [
      'a split into very many',
      {
        node: [node('Split', ['n'], ['a', 'y'], { attribute: [int('num_outputs', 2n ** 40n)] })],
        initializer: [int64('n', [1n, 2n])],
      },
      /says another number/,
    ],
    [
      'the largest of nothing',
      {
        node: [
          node('ReduceMax', ['n'], ['m'], { attribute: [int('keepdims', 0n)] }),
          node('Expand', ['x', 'm'], ['y']),
        ],
        initializer: [int64('n', [])],
      },
      /./,
    ],
    [
      'a range without steps',
      {
        node: [node('Range', ['a', 'b', 'c'], ['y'])],
        initializer: [int64('a', [0n], []), int64('b', [9n], []), int64('c', [0n], [])],
      },
      /none, or larger/,
    ],
    [
      'a range of 2^40',
      {
        node: [node('Range', ['a', 'b', 'c'], ['y'])],
        initializer: [int64('a', [0n], []), int64('b', [2n ** 40n], []), int64('c', [1n], [])],
      },
      /none, or larger/,
    ],
    [
      'tiles of 2^40',
      { node: [node('Tile', ['a', 'b'], ['y'])], initializer: [int64('a', [1n]), int64('b', [2n ** 40n])] },
      /none, or larger/,
    ],
    [
      'axes that are none',
      { node: [node('Unsqueeze', ['a', 'b'], ['y'])], initializer: [int64('a', [1n]), int64('b', [-9n])] },
      /./,
    ],
    [
      'an order that is none',
      {
        node: [node('Transpose', ['a'], ['y'], { attribute: [ints('perm', [5n])] })],
        initializer: [int64('a', [1n])],
      },
      /./,
    ],
  ])('with %s', async (_, graph, message) => {
    await refused(async () => {
      const net = await load(graph)
      net.forward(tensor([1, 2]))
    }, message)
  })

  it('nested without an end, or cut off', async () => {
    const { encode } = await loadCodec()
    let graph: Graph = { name: 'g', node: [node('Relu', ['x'], ['y'])] }
    for (let i = 0; i < 300; i++)
      graph = {
        name: 'g',
        node: [node('If', ['x'], ['y'], { attribute: [{ name: 'then', type: ATTRIBUTES.graph, g: graph }] })],
      } as Graph
    await refused(() => load(graph), /not read|no ONNX model/)
    const bytes = encode({ irVersion: 8n, graph: { name: 'x'.repeat(1000) } })
    // A length of 2^63, of 2^31 and a varint without an end, where the graph begins.
    for (const length of ['ffffffffffffffff7f', 'ffffffff07', 'ffffffffffffffffffffffff'])
      await refused(
        () => loadOnnx(Buffer.concat([bytes.subarray(0, 3), Buffer.from(length, 'hex')])),
        /no ONNX model/,
      )
    // Groups in groups.
    await refused(() => loadOnnx(new Uint8Array(1_000_000).fill(0x0b)), /no ONNX model/)
  })

  it('with metadata and weights of prototypes’ names', async () => {
    const { encode } = await loadCodec()
    const net = await loadOnnx(
      encode({
        irVersion: 8n,
        opsetImport: [{ domain: '', version: 18n }],
        graph: { name: 'g', input: [info('x')], output: [{ name: 'y' }], node: [node('Relu', ['x'], ['y'])] },
        metadataProps: [
          { key: '__proto__', value: 'polluted' },
          { key: 'polluted', value: 'yes' },
        ],
      }),
    )
    expect(Object.getPrototypeOf(net.metadata)).toBeNull()
    expect(Object.keys(net.metadata)).toContain('__proto__')
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})
