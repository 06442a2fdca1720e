// A user's own data in real browsers, in the page and in a Worker: files from a URL with progress, gzip by the platform,
// and a folder of images, which the browser decodes.
import { gzipSync } from 'node:zlib'
import { inPageAndWorker } from './page-and-worker.mjs'

const MAIN = `
import { data, init, tensor } from 'simdgrad'

const image = (path, bytes, type) =>
  Object.defineProperty(new File([bytes], path.split('/').at(-1), { type }), 'webkitRelativePath', { value: path })

/** One colour, as the browser itself encodes it. */
async function picture(type, colour, width, height) {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')
  context.fillStyle = colour
  context.fillRect(0, 0, width, height)
  return canvas.convertToBlob({ type, quality: 1 })
}

export async function main() {
  try {
    await init()
    // From a URL.
    const url = new URL('/', self.location.href).href
    const seen = {}
    const onProgress = ({ url, loaded, total }) => { seen[url.split('/').at(-1)] = [loaded, total] }
    const { train, test } = await data.mnist({ url, onProgress, transform: data.normalize(0, 1 / 255) })
    const missing = await data.cifar10({ url }).catch((error) => String(error))
    const aborted = await data.fetchBytes(url, { signal: AbortSignal.abort('no more') }).catch(String)
    // A folder of images: a PNG whose bytes are known (its border is 128), and a JPEG.
    const exact = data.preview(tensor([[[[0, 1], [0.2, 0.4]]]]), { zoom: 1, range: [0, 1] })
    const folder = [
      image('top/b/2.jpg', await picture('image/jpeg', 'rgb(200 30 40)', 4, 4), 'image/jpeg'),
      image('top/a/1.png', exact, 'image/png'),
      image('top/notes.txt', 'x', 'text/plain'),
    ]
    const set = await data.imageFolder(folder, { transform: data.normalize(0, 1 / 255) })
    const batches = []
    for await (const [x, y] of new data.DataLoader(set)) batches.push([x.toArray()[0], y.toArray()])
    const small = await data.imageFolder(folder, { size: [2, 3], channels: 1, cache: true, transform: data.normalize(0, 1 / 255) })
    const [resized] = await small.get(1)
    const broken = await data.imageFolder([image('a/x.png', 'no image', 'image/png')]).catch((error) => String(error))
    const large = await picture('image/png', 'red', 9, 5)
    const mixed = await data.imageFolder([...folder, image('top/c/3.png', large, 'image/png')])
    const sizes = await mixed.get(2).catch((error) => String(error))
    return {
      ...{ lengths: [train.length, test.length], labels: train.labels.toArray(), seen, missing, aborted },
      ...{ classes: set.classes, shape: set.imageShape, batches, resized: [resized.shape, resized.toArray()] },
      ...{ broken, sizes },
    }
  } catch (error) {
    return { error: String(error && error.stack || error) }
  }
}
`

/** An IDX file of bytes 0, 1, 2, … @param {number[]} shape */
function idx(...shape) {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.set([0, 0, 8, shape.length])
  for (const [i, n] of shape.entries()) header.writeUInt32BE(n, 4 + 4 * i)
  const size = shape.reduce((a, b) => a * b, 1)
  return Buffer.concat([header, Buffer.from(Array.from({ length: size }, (_, i) => i % 10))])
}

const SERVED = {
  'train-images-idx3-ubyte.gz': gzipSync(idx(3, 28, 28)),
  'train-labels-idx1-ubyte.gz': gzipSync(idx(3)),
  't10k-images-idx3-ubyte': idx(2, 28, 28),
  't10k-labels-idx1-ubyte': idx(2),
}

/** What a page should have seen; a word on what it did not. @param {any} result */
function wrong({ lengths, labels, seen, missing, aborted, classes, shape, batches, resized, broken, sizes }) {
  const [png, jpeg] = batches
  const rows = [
    [128, 128, 128, 128],
    [128, 0, 255, 128],
    [128, 51, 102, 128],
    [128, 128, 128, 128],
  ]
  const near = (/** @type {number[][][]} */ x, /** @type {number[]} */ colour) =>
    x.every((plane, c) => plane.flat().every((value) => Math.abs(value - colour[c]) < 4))
  const grey = 0.299 * 200 + 0.587 * 30 + 0.114 * 40
  const fits = {
    lengths: String(lengths) === '3,2' && String(labels) === '0,1,2',
    progress: Object.entries(SERVED).every(([name, { length }]) => `${seen[name]}` === `${length},${length}`),
    missing: /^DataError: .*data_batch_1\.bin/.test(missing),
    aborted: aborted === 'no more',
    classes: String(classes) === 'a,b' && String(shape) === '3,4,4' && png[1][0] === 0 && jpeg[1][0] === 1,
    png: JSON.stringify(png[0]) === JSON.stringify([rows, rows, rows]),
    jpeg: near(jpeg[0], [200, 30, 40]),
    resized: String(resized[0]) === '1,2,3' && near(resized[1], [grey]),
    broken: /a\/x\.png is no image that this browser can read/.test(broken),
    sizes: /top\/c\/3\.png is 5 × 9 pixels, and the first image, top\/a\/1\.png, 4 × 4/.test(sizes),
  }
  return Object.entries(fits).flatMap(([what, right]) => (right ? [] : [what]))
}

export const ownData = () =>
  inPageAndWorker('own-data', {
    main: MAIN,
    does: 'is read',
    served: SERVED,
    judge(result) {
      if (result.error) throw new Error(result.error)
      const differs = wrong(result)
      if (differs.length > 0) throw new Error(`${differs.join(', ')}: ${JSON.stringify(result)}`)
    },
  })
