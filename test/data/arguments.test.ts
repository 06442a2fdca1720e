/**
 * What each public name of `data` says of an argument of the wrong kind: an error of ours that names the function,
 * what was expected and what was given. Callers without types get no other help.
 */
import { ArgumentError, data, fit, nn, ones, optim, SimdgradError } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { bytes, refuses, type Untyped } from '../support/refuses.js'

beforeAll(initForTest)

/** Without their types. */
const loader = data.DataLoader as unknown as Untyped
const tensors = data.TensorDataset as unknown as Untyped
const normalize = data.normalize as (...args: unknown[]) => unknown
const parseIdx = data.parseIdx as (...args: unknown[]) => unknown
const mnist = data.mnist as (...args: unknown[]) => Promise<unknown>

const two = () => new data.TensorDataset(ones([2, 3]), ones([2]))

describe('new DataLoader', () => {
  it.each<[string, unknown[], string]>([
    [
      'nothing',
      [],
      'DataLoader: expected a dataset, with a length and get(index), such as a data.TensorDataset, got undefined',
    ],
    ['null', [null], 'got null'],
    ['a number', [5], 'got 5'],
    ['a path', ['train.csv'], "got 'train.csv'"],
    ['an empty array', [[]], 'got an array'],
    ['an object', [{}], 'got an object'],
    ['a get that is no function', [{ get: 5, length: 3 }], 'with a length and get(index)'],
    [
      'no length',
      [{ get() {} }],
      "DataLoader: the dataset's length is a whole number of at least 0, got undefined",
    ],
    ['half a sample', [{ get() {}, length: 2.5 }], 'at least 0, got 2.5'],
    ['a length below 0', [{ get() {}, length: -1 }], 'at least 0, got -1'],
    ['a length in words', [{ get() {}, length: '3' }], "at least 0, got '3'"],
    ['a length that is no number', [{ get() {}, length: Number.NaN }], 'at least 0, got NaN'],
  ])('refuses %s', (_, args, message) => {
    refuses(() => new loader(...args), ArgumentError, message)
  })

  it('says how a dataset is made of tensors', () => {
    const hint = 'new data.TensorDataset(x, y) makes one of tensors'
    refuses(() => new loader([ones([2]), ones([2])]), ArgumentError, `got an array; ${hint}`)
    refuses(() => new loader(ones([2])), ArgumentError, hint)
  })

  it.each<[string, unknown, string]>([
    [
      'a batch size in place of options',
      32,
      'DataLoader: options are given by name, as { batchSize: … }, not as 32',
    ],
    ['null', null, 'options are given by name'],
    ['an array', [32], 'options are given by name'],
    ['a batch size in words', { batchSize: '32' }, "batchSize is a whole number of at least 1, got '32'"],
    ['a batch of half an image', { batchSize: 0.5 }, 'got 0.5'],
    ['no batch size', { batchSize: null }, 'got null'],
    ['a word for shuffle', { shuffle: 'yes' }, "DataLoader: shuffle is true or false, got 'yes'"],
    ['a number for dropLast', { dropLast: 1 }, 'DataLoader: dropLast is true or false, got 1'],
  ])('refuses %s', (_, options, message) => {
    refuses(() => new loader(two(), options), ArgumentError, message)
  })
})

describe('a pass over a dataset of a user', () => {
  const passOf = (set: object) => () => [
    ...(new loader({ length: 4, get() {}, ...set }, { batchSize: 2 }) as data.DataLoader),
  ]
  const batches = (batch: unknown) => passOf({ getBatch: () => batch })
  const samples = (sample: unknown) => passOf({ get: () => sample })

  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      'DataLoader: getBatch gives a batch of tensors, such as [x, y], and it gave undefined',
    ],
    ['a number', 5, 'and it gave 5'],
    ['an empty array', [], 'and it gave an array'],
    ['arrays of numbers', [[1, 2], [3]], 'and it gave an array'],
  ])('refuses %s as a batch', (_, batch, message) => {
    refuses(batches(batch), ArgumentError, message)
  })

  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      'collate: nothing can be made of a sample that is undefined; expected numbers, typed arrays, tensors',
    ],
    ['nothing beside something', [1, null], 'collate: nothing can be made of a sample.1 that is null'],
    ['an empty array', [], 'collate: nothing can be made of a sample that is an array'],
    ['a function', { x: () => 1 }, 'a sample.x that is a function'],
    ['a map', [new Map()], 'a sample.0 that is a Map'],
    ['a big number', [1n], 'a sample.0 that is 1'],
  ])('refuses %s as a sample', (_, sample, message) => {
    refuses(samples(sample), ArgumentError, message)
  })

  it('refuses samples that are not alike', () => {
    const mixed = (...given: unknown[]) => passOf({ length: given.length, get: (i: number) => given[i] })
    const cases: [unknown[], RegExp][] = [
      [
        [[new Float32Array(2)], [new Float32Array(3)]],
        /collate: a sample.0 is a Float32Array of shape \[3\]/,
      ],
      [[[ones([2])], [ones([1])]], /a sample.0 is a Tensor of shape \[1\] and the first one has \[2\]/],
      [[[new Float32Array(1)], [undefined]], /a sample.0 is undefined/],
      [[[new BigInt64Array(2)], [new BigInt64Array(2)]], /a sample.0 is a BigInt64Array/],
      [
        [[[1, 2]], [[1]]],
        /collate: a sample.0 is arrays of numbers, which become one tensor, and they differ/,
      ],
      [[[[[1, 2], [1]]], [[[1, 2], [1]]]], /where they are several tensors, give each as a typed array/],
      [[[1, 2], [1]], /alike in all samples/],
      [[{ x: 1 }, { y: 1 }], /expected numbers/],
      [[{ x: 1 }, 5], /alike in all samples/],
      [['a', 5], /alike in all samples/],
      [[5, 'a'], /expected numbers/],
    ]
    for (const [samples, message] of cases) {
      expect(mixed(...samples)).toThrow(SimdgradError)
      expect(mixed(...samples)).toThrow(message)
    }
  })

  it('refuses promises without await', () => {
    const text = 'the dataset gives promises: for await (const batch of loader)'
    refuses(samples(Promise.resolve([1, 2])), ArgumentError, text)
    refuses(samples(Promise.reject(new Error('unseen'))), ArgumentError, text)
    refuses(batches(Promise.resolve([ones([2])])), ArgumentError, text)
  })

  it('refuses a length that has become none', () => {
    const set = { length: 4 as unknown, get: () => [1] }
    const made = new loader(set, { batchSize: 2 }) as data.DataLoader
    set.length = undefined
    refuses(
      () => [...made],
      ArgumentError,
      "the dataset's length is a whole number of at least 0, got undefined",
    )
  })

  it('is what fit meets too, and fit wants pairs', async () => {
    const net = new nn.Linear(3, 2)
    const training = (sample: unknown) =>
      fit(net, {
        train: new loader({ length: 4, get: () => sample }) as data.DataLoader,
        optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
        loss: new nn.CrossEntropyLoss(),
      })
    await expect(training(undefined)).rejects.toThrow('a sample that is undefined')
    await expect(training({ x: 1 })).rejects.toThrow('fit: a batch is an array [x, y]')
  })
})

describe('new TensorDataset', () => {
  it('says that each tensor is an argument', () => {
    refuses(
      () => new tensors([ones([2]), ones([2])]),
      ArgumentError,
      'TensorDataset: argument 0 is an array, expected a tensor; each tensor is an argument of its own',
    )
  })

  it.each<[string, unknown, string]>([
    [
      'numbers',
      [1, 2],
      'TensorDataset: argument 1 is an array, expected a tensor; tensor(…) makes one of numbers',
    ],
    [
      'a typed array',
      new Float32Array(2),
      'argument 1 is a Float32Array, expected a tensor; tensor(…) makes one',
    ],
    ['nothing', undefined, 'argument 1 is undefined, expected a tensor'],
    ['null', null, 'argument 1 is null, expected a tensor'],
    ['a number', 5, 'argument 1 is 5, expected a tensor'],
  ])('refuses %s', (_, given, message) => {
    refuses(() => new tensors(ones([2]), given), ArgumentError, message)
  })
})

describe('get and getBatch', () => {
  it('refuse an index that there is not', () => {
    for (const set of [two(), new data.ImageDataset(bytes([2, 3, 3]), bytes([2]))]) {
      const { name } = set.constructor
      refuses(() => set.get(2), ArgumentError, `${name}: index 2 is out of range for 2 samples`)
      refuses(() => set.get(-1), ArgumentError, `${name}: index -1 is out of range`)
      refuses(() => set.getBatch(Int32Array.of(0, 7)), ArgumentError, `${name}: index 7 is out of range`)
    }
  })
})

describe('normalize', () => {
  it.each<[string, unknown[], string]>([
    ['nothing', [], 'normalize: mean is a number, got undefined'],
    ['a mean in words', ['0.5', 0.5], "normalize: mean is a number, got '0.5'"],
    ['a mean alone', [0.5], 'normalize: std is a number above 0, got undefined'],
    ['a std in words', [0.5, '0.5'], "normalize: std is a number above 0, got '0.5'"],
    ['a std of 0', [0.5, 0], 'std is a number above 0, got 0'],
    ['a std without end', [0.5, Number.POSITIVE_INFINITY], 'got Infinity'],
    ['a std that has no inverse', [0.5, 1e-320], 'std is a number above 0'],
    [
      'channels of two numbers',
      [[0.5], [0.5, 1]],
      'mean and std have a number for each channel, got 1 and 2',
    ],
    ['no channels', [[], []], 'mean and std have a number for each channel, got 0 and 0'],
    ['a channel in words', [['0.5'], [0.5]], "normalize: mean is a number, got '0.5'"],
  ])('refuses %s', (_, args, message) => {
    refuses(() => normalize(...args), ArgumentError, message)
  })
})

describe('parseIdx', () => {
  it.each<[string, unknown[], string]>([
    ['nothing', [], "parseIdx: expected a file's bytes as a Uint8Array, got undefined"],
    ['a path', ['train-images'], "got 'train-images'"],
    ['a buffer', [new ArrayBuffer(4)], 'got an ArrayBuffer; new Uint8Array(buffer) makes one of it'],
    ['a promise of bytes', [Promise.resolve(new Uint8Array(4))], 'got a Promise'],
    ['an array', [[0, 0, 8, 1]], 'got an array'],
    ['other numbers', [new Int8Array(4)], 'got an Int8Array'],
    ['a name that is none', [new Uint8Array(4), 5], "parseIdx: where is the file's name, for errors, got 5"],
  ])('refuses %s', (_, args, message) => {
    refuses(() => parseIdx(...args), ArgumentError, message)
  })

  it("takes Node's Buffer, and needs no name", () => {
    expect(parseIdx(Buffer.from([0, 0, 8, 1, 0, 0, 0, 1, 7]))).toMatchObject({ shape: [1] })
    expect(() => parseIdx(new Uint8Array(3))).toThrow(/^the given bytes is too short/)
  })
})

describe('mnist', () => {
  it.each<[string, unknown, string]>([
    ['a path', 'data/mnist', "mnist: options are given by name, as { root: … }, not as 'data/mnist'"],
    ['null', null, 'options are given by name'],
    ['a root that is no path', { root: 5 }, "mnist: root is a folder's path, got 5"],
    ['a root of null', { root: null }, "mnist: root is a folder's path, got null"],
    [
      'a transform that is none',
      { root: '/nowhere', transform: 'flat' },
      'mnist: transform is a function of a tensor',
    ],
  ])('refuses %s, before it reads a file', async (_, options, message) => {
    const failing = mnist(options)
    await expect(failing).rejects.toThrow(ArgumentError)
    await expect(failing).rejects.toThrow(message)
  })
})
