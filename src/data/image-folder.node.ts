/** Folders of images, decoded by optional packages: fast-png and jpeg-js, which need no native build. */
import { join } from 'node:path'
import { kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { namesIn, readWhole } from './folder.node.js'
import {
  checkImageFolder,
  IMAGE_FILE,
  type ImageFolderOptions,
  imageSetOf,
  MOST_PIXELS,
} from './image-folder.js'
import type { ImageFolder, ImageSource } from './image-folder-dataset.js'
import type { Image } from './resize.js'

/**
 * The images of a folder's folders, one a class: PNG and JPEG, in the order of their paths. As
 * https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
 *
 * The decoders are optional packages: `npm install fast-png jpeg-js`. Images are read when their batch is due.
 *
 * @param root a folder with a folder for each class
 * @throws {ArgumentError} for a root that is no text, or options that are none
 * @throws {DataError} for a folder that can't be read, no images, or a first one that is broken; when they are read, for
 *   broken ones, and for images of several sizes without a `size`
 */
export async function imageFolder(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  checkImageFolder(options)
  if (typeof root !== 'string')
    throw new ArgumentError(`imageFolder: root is a folder's path, got ${kindOf(root)}`)
  const sources: ImageSource[] = []
  for (const label of await namesIn(root, 'a folder for each class')) {
    if (label.startsWith('.') || /\.\w+$/.test(label)) continue
    for (const name of await namesIn(join(root, label), 'the images of a class')) {
      const where = join(root, label, name)
      if (IMAGE_FILE.test(name)) sources.push({ where, label, read: () => decode(where) })
    }
  }
  return imageSetOf(sources, options, root)
}

async function decode(path: string): Promise<Image> {
  const bytes = await readWhole(path)
  try {
    // By what it is, not by its name.
    if (bytes[0] === 0x89 && bytes[1] === 0x50) return await decodePng(bytes, path)
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return await decodeJpeg(bytes)
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(`${path} is a broken image: ${why}. Get it again, or take it out.`, { cause })
  }
  throw new DataError(`${path} is neither PNG nor JPEG, whatever its name says. Take it out, or convert it.`)
}

async function decodePng(bytes: Uint8Array, path: string): Promise<Image> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [w, h] = bytes.length >= 24 ? [view.getUint32(16), view.getUint32(20)] : [0, 0]
  if (w * h === 0 || w * h > MOST_PIXELS)
    throw new DataError(`${path} says a size of ${w} × ${h} pixels. Is it damaged?`)
  const { decode: read, convertIndexedToRgb } = await installed('fast-png', () => import('fast-png'))
  const png = read(bytes, { checkCrc: true })
  const { width, height, depth, palette } = png
  if (palette) {
    const data = new Uint8Array(convertIndexedToRgb(png))
    return { width, height, channels: data.length / (width * height), data }
  }
  const { channels, data } = png
  if (depth === 8)
    return { width, height, channels, data: new Uint8Array(data.buffer, data.byteOffset, data.length) }
  if (depth === 16) return { width, height, channels, data: Uint8Array.from(data, (value) => value >> 8) }
  return { width, height, channels, data: unpacked(data, width, height, depth) }
}

/** Grey of 1, 2 or 4 bits, as bytes: each row begins at a byte. */
function unpacked(data: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const [most, row] = [2 ** depth - 1, Math.ceil((width * depth) / 8)]
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth
    const byte = data[Math.floor(i / width) * row + (bit >> 3)]
    return (((byte >> (8 - depth - (bit & 7))) & most) * 255) / most
  })
}

async function decodeJpeg(bytes: Uint8Array): Promise<Image> {
  const { default: jpeg } = await installed('jpeg-js', () => import('jpeg-js'))
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: MOST_PIXELS / 1e6,
    maxMemoryUsageInMB: 1024,
  })
  return { width, height, channels: 3, data }
}

async function installed<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    throw new DataError(
      `imageFolder: its decoder is not installed. Install it with this line: npm install ${name}`,
      { cause },
    )
  }
}
