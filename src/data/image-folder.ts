/** Images in folders, one a class. */
import { checkBoolean, checkOptions, kindOf, type Pair, pair } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import { ImageFolder, type ImageSource } from './image-folder-dataset.js'
import type { Image } from './resize.js'
import { checkTransform, normalize, type Transform } from './transforms.js'

/** Options of `imageFolder`. */
export interface ImageFolderOptions {
  /** Height and width that images are brought to (bilinear). Default: none; all must then have one size. */
  size?: Pair
  /** 3 (default), red, green and blue, or 1, grey. */
  channels?: 1 | 3
  /** What becomes of the images. Default: `normalize(0.5, 0.5)`, values from −1 to 1. */
  transform?: Transform
  /**
   * Whether what was read stays in memory, as bytes of the size that images are brought to: later passes then read no
   * file. Default false.
   */
  cache?: boolean
}

/** More pixels than any image of a data set has: a file that says so is refused before it is decoded. */
export const MOST_PIXELS = 2 ** 27

export const IMAGE_FILE = /\.(png|jpe?g)$/i

/** @throws {ArgumentError} */
export function checkImageFolder(options: ImageFolderOptions): void {
  checkOptions('imageFolder', options, ['size', 'channels', 'transform', 'cache'])
  const { size, channels = 3, transform } = options
  if (size !== undefined) pair('imageFolder', 'size', size, 1)
  if (channels !== 1 && channels !== 3) {
    throw new ArgumentError(`imageFolder: channels is 1 or 3, got ${kindOf(channels)}`)
  }
  if (transform !== undefined) checkTransform('imageFolder', transform)
  checkBoolean('imageFolder', 'cache', options.cache ?? false)
}

/** The set of some images, whose classes are the labels in order. Reads the first one. @throws {DataError} */
export async function imageSetOf(
  sources: readonly ImageSource[],
  options: ImageFolderOptions,
  where: string,
): Promise<ImageFolder> {
  if (sources.length === 0) {
    throw new DataError(
      `${where} has no images: expected folders, one a class, with .png, .jpg or .jpeg files.`,
    )
  }
  const { channels = 3, transform = normalize(0.5, 0.5), cache = false } = options
  const own = sources.map(({ where, label, read }) => {
    return { where, label, read: async () => withChannels(await read(), channels) }
  })
  const first = await own[0].read()
  const given = options.size === undefined ? undefined : pair('imageFolder', 'size', options.size, 1)
  const shape = [channels, ...(given ?? [first.height, first.width])]
  return new ImageFolder(own, { shape, resizes: given !== undefined, transform, cache })
}

/** Grey from colours as Pillow and ITU-R 601 have it; transparency is left out. */
function withChannels({ width, height, channels: own, data }: Image, channels: 1 | 3): Image {
  if (own === channels) return { width, height, channels, data }
  const pixels = width * height
  const out = new Uint8Array(pixels * channels)
  const grey = own < 3
  for (let i = 0; i < pixels; i++) {
    const at = i * own
    if (channels === 3) for (let c = 0; c < 3; c++) out[3 * i + c] = data[at + (grey ? 0 : c)]
    else if (grey) out[i] = data[at]
    else out[i] = (data[at] * 19_595 + data[at + 1] * 38_470 + data[at + 2] * 7471 + 0x8000) >> 16
  }
  return { width, height, channels, data: out }
}

/** A file of a page, such as those of an `<input type="file" webkitdirectory>`. */
interface PageFile extends Blob {
  readonly name: string
  readonly webkitRelativePath?: string
}

/**
 * The images of folders, one a class: of the files that an `<input type="file" webkitdirectory>` has, PNG and JPEG, in
 * the order of their paths. They are read when their batch is due. As
 * https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
 *
 * @param files whose paths are …/class/image.png
 * @throws {ArgumentError} for what are no files, or options that are none
 * @throws {DataError} for no images, or a first one that is broken; when they are read, for broken ones, and for images
 *   of several sizes without a `size`
 */
export async function imageFolder(
  files: Iterable<PageFile>,
  options: ImageFolderOptions = {},
): Promise<ImageFolder> {
  checkImageFolder(options)
  if (typeof files !== 'object' || files === null || !(Symbol.iterator in files)) {
    throw new ArgumentError(
      `imageFolder: expected the files of an <input type="file" webkitdirectory>, got ${kindOf(files)}`,
    )
  }
  const sources = [...files].flatMap((file): ImageSource[] => {
    const where = file.webkitRelativePath || file.name
    const label = where.split('/').at(-2)
    if (!IMAGE_FILE.test(where) || label === undefined) return []
    return [{ where, label, read: () => decodeInPage(file, where) }]
  })
  sources.sort((a, b) => (a.where < b.where ? -1 : 1))
  return imageSetOf(sources, options, 'what was chosen')
}

/** By the browser itself. */
async function decodeInPage(file: Blob, where: string): Promise<Image> {
  let bitmap: ImageBitmap
  try {
    // Neither colours nor turning by a camera's word.
    bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
  } catch (cause) {
    throw new DataError(`${where} is no image that this browser can read. Is it damaged?`, { cause })
  }
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d')
  if (!context || width * height > MOST_PIXELS)
    throw new DataError(`${where} is too large: ${width} × ${height} pixels.`)
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return {
    width,
    height,
    channels: 4,
    data: new Uint8Array(context.getImageData(0, 0, width, height).data.buffer),
  }
}
