/** What ImageDataset says of images, labels and transforms that can't be right. */
import { ArgumentError, data, ones, ShapeError } from 'simdgrad'
import { beforeAll, describe, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { bytes, type Kind, refuses, type Untyped } from '../support/refuses.js'

beforeAll(initForTest)

/** Without their types. */
const images = data.ImageDataset as unknown as Untyped
const loader = data.DataLoader as unknown as Untyped

describe('new ImageDataset', () => {
  const labels = bytes([4])

  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      'ImageDataset: images are { shape, data } as data.parseIdx gives them, got undefined',
    ],
    ['bytes alone', new Uint8Array(4), 'Uint8Array'],
    ['a path', 'train-images', "got 'train-images'"],
    [
      'data that are an array',
      { shape: [4, 1, 1], data: [1, 2, 3, 4] },
      'the data of the images are a Uint8Array, got an array',
    ],
    ['floats', { shape: [4, 1, 1], data: new Float32Array(4) }, 'are a Uint8Array, got a Float32Array'],
  ])('refuses images that are %s', (_, given, message) => {
    refuses(() => new images(given, labels), ArgumentError, message)
  })

  it('names the dataset that tensors go into', () => {
    refuses(
      () => new images(ones([4, 5, 6]), labels),
      ArgumentError,
      'got a Tensor; for tensors there is data.TensorDataset',
    )
  })

  it.each<[string, unknown, string]>([
    [
      'a shape that is none',
      { shape: 4, data: new Uint8Array(4) },
      'the shape of the images is an array of whole numbers, got 4',
    ],
    ['a size that is no whole number', bytes([4, 2.5, 2]), 'an array of whole numbers, got [4,2.5,2]'],
    ['a size below 0', { shape: [4, -5, -6], data: new Uint8Array(120) }, 'got [4,-5,-6]'],
    [
      'too few bytes',
      bytes([4, 5, 6], 119),
      'ImageDataset: the images have shape [4,5,6], so 120 bytes, and their data are 119',
    ],
    ['too many bytes', bytes([4, 5, 6], 121), 'so 120 bytes, and their data are 121'],
    [
      'a single image',
      bytes([5, 6]),
      'expected images of shape [N, H, W], [N, C, H, W] or [N, H, W, C] with C = 1 to 4, got [5,6]',
    ],
    ['films', bytes([4, 1, 2, 3, 3]), 'got [4,1,2,3,3]'],
    ['five channels', bytes([4, 5, 5, 6]), 'with C = 1 to 4, got [4,5,5,6]'],
    ['images without pixels', bytes([4, 0, 6]), 'got [4,0,6]'],
  ])('refuses %s', (_, given, message) => {
    refuses(() => new images(given, labels), ShapeError, message)
  })

  it.each<[string, unknown, Kind, string]>([
    ['nothing', undefined, ArgumentError, 'ImageDataset: labels are { shape, data }'],
    [
      'an array',
      [0, 1, 2, 3],
      ArgumentError,
      'labels are { shape, data } as data.parseIdx gives them, got an array',
    ],
    [
      'labels of two dimensions',
      bytes([4, 1]),
      ShapeError,
      'expected a label for each of the 4 images, got shape [4,1]',
    ],
    [
      'fewer labels than their shape says',
      bytes([4], 3),
      ShapeError,
      'the labels have shape [4], so 4 bytes',
    ],
  ])('refuses %s', (_, given, kind, message) => {
    refuses(() => new images(bytes([4, 5, 6]), given), kind, message)
  })

  it.each<[string, unknown]>([
    ['a word', 'normalize'],
    ['null', null],
    ['an object', {}],
    ['a scale alone', { scale: 1 }],
    ['a scale in words', { scale: '1', shift: 0 }],
    ['a scale without end', { scale: Number.POSITIVE_INFINITY, shift: 0 }],
  ])('refuses a transform that is %s', (_, transform) => {
    const message =
      'ImageDataset: transform is a function of a tensor, or what data.normalize(mean, std) or data.augment({ … }) gives'
    refuses(() => new images(bytes([4, 5, 6]), labels, transform), ArgumentError, message)
  })

  it.each<[string, () => unknown, Kind, string]>([
    [
      'nothing',
      () => undefined,
      ArgumentError,
      'ImageDataset: transform gives a tensor, and it gave undefined',
    ],
    ['a promise', async () => ones([2, 1]), ArgumentError, 'and it gave a Promise'],
    [
      'other images',
      () => ones([1, 5]),
      ShapeError,
      'as many images as it is given, 2, and it gave shape [1,5]',
    ],
    ['one number', () => ones([]), ShapeError, 'as many images as it is given, 2, and it gave shape []'],
  ])('refuses a transform that gives %s', (_, transform, kind, message) => {
    const set = new images(bytes([4, 5, 6]), labels, transform)
    refuses(() => [...(new loader(set, { batchSize: 2 }) as data.DataLoader)], kind, message)
  })
})
