/**
 * What each public name of `data` says of an argument of the wrong kind: an error of ours that names the function,
 * what was expected and what was given. Callers without types get no other help.
 */
import { ArgumentError, data, fit, nn, ones, optim } from 'simdgrad'
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
    ['nothing', [], 'DataLoader: expected a dataset, such as a data.TensorDataset, got undefined'],
    ['null', [null], 'got null'],
    ['a number', [5], 'got 5'],
    ['a path', ['train.csv'], "got 'train.csv'"],
    ['an empty array', [[]], 'got an array'],
    ['an object', [{}], 'got an object'],
    [
      'a batch that is no function',
      [{ batch: 5, length: 3 }],
      "the dataset's batch is a function of (indices",
    ],
    [
      'no length',
      [{ batch() {} }],
      "DataLoader: the dataset's length is a whole number of at least 0, got undefined",
    ],
    ['half a sample', [{ batch() {}, length: 2.5 }], 'at least 0, got 2.5'],
    ['a length below 0', [{ batch() {}, length: -1 }], 'at least 0, got -1'],
    ['a length in words', [{ batch() {}, length: '3' }], "at least 0, got '3'"],
    ['a length that is no number', [{ batch() {}, length: Number.NaN }], 'at least 0, got NaN'],
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
  const passOf = (batch: unknown) => () => [
    ...(new loader({ length: 4, batch: () => batch }, { batchSize: 2 }) as data.DataLoader),
  ]

  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      "DataLoader: the dataset's batch gives an array of tensors, such as [x, y], and it gave undefined",
    ],
    ['a number', 5, 'and it gave 5'],
    ['an empty array', [], 'and it gave an empty array'],
    ['arrays of numbers', [[1, 2], [3]], 'and element 0 is an array'],
    ['a hole', [null], 'and element 0 is null'],
    ['a promise', Promise.resolve([]), 'and it gave a Promise; it can not wait: load before'],
  ])('refuses %s', (_, batch, message) => {
    refuses(passOf(batch), ArgumentError, message)
  })

  it('refuses a tensor that is not in an array, and what stands beside one', () => {
    refuses(passOf(ones([2])), ArgumentError, 'and it gave a Tensor')
    refuses(passOf([ones([2]), new Float32Array(2)]), ArgumentError, 'and element 1 is a Float32Array')
  })

  it('refuses a length that has become none', () => {
    const set = { length: 4 as unknown, batch: () => [ones([2])] }
    const made = new loader(set, { batchSize: 2 }) as data.DataLoader
    set.length = undefined
    refuses(
      () => [...made],
      ArgumentError,
      "the dataset's length is a whole number of at least 0, got undefined",
    )
  })

  it('is what fit meets too', async () => {
    const net = new nn.Linear(3, 2)
    const training = fit(net, {
      train: new loader({ length: 4, batch: () => 'images' }) as data.DataLoader,
      optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
      loss: new nn.CrossEntropyLoss(),
    })
    await expect(training).rejects.toThrow("and it gave 'images'")
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

describe('batch, called by hand', () => {
  const sets = () => [two(), new data.ImageDataset(bytes([2, 3, 3]), bytes([2]))]

  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['an array of indices', [[0, 1], 0, 2]],
    ['null', [null, 0, 1]],
  ])('refuses %s', (_, args) => {
    for (const set of sets()) {
      const batch = set.batch.bind(set) as (...args: unknown[]) => unknown
      refuses(
        () => batch(...args),
        ArgumentError,
        `${set.constructor.name}: batch is called by a data.DataLoader`,
      )
    }
  })

  it('refuses more samples than the order has, and what is no number of them', () => {
    for (const set of sets()) {
      // A dataset around it, which asks for something else than it was asked for.
      const ask = (first: unknown, count: unknown) => () => {
        const batch = (indices: data.Indices) => set.batch(indices, first as number, count as number)
        return [...(new loader({ length: 2, batch }, { batchSize: 2 }) as data.DataLoader)]
      }
      refuses(
        ask(1, 2),
        ArgumentError,
        `${set.constructor.name}: batch takes 2 samples from 1 on, and there are 2`,
      )
      refuses(ask(-1, 2), ArgumentError, 'batch takes 2 samples from -1 on')
      refuses(ask(0, 1.5), ArgumentError, 'batch takes 1.5 samples')
      refuses(ask(undefined, '2'), ArgumentError, "batch takes '2' samples from undefined on")
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
      'one mean a channel, as torchvision has it',
      [[0.5], [0.5]],
      'mean is one number, for all channels, got an array',
    ],
    ['one std a channel', [0.5, [0.5]], 'std is one number, for all channels, got an array'],
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
