import { type Tensor, tensor } from 'simdgrad'
import { PIXELS, SHARDS, type Shard, TOTAL, TRAIN_BLOCKS } from '../../shards.js'
import { fetchKept } from './kept.js'

/** What becomes of a pixel: (x / 255 − 0.5) / 0.5. */
const NORMALISED = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1)

/** A batch: images [N, 1, 28, 28] and labels [N]. */
export interface Batch {
  x: Tensor
  y: Tensor
}

/** The digits of a part that have come so far, as bytes. */
export class Digits {
  readonly pixels: Uint8Array
  readonly labels: Uint8Array
  count = 0

  constructor(total: number) {
    this.pixels = new Uint8Array(total * PIXELS)
    this.labels = new Uint8Array(total)
  }

  append(content: Uint8Array, count: number): void {
    this.labels.set(content.subarray(0, count), this.count)
    this.pixels.set(content.subarray(count), this.count * PIXELS)
    this.count += count
  }

  /** The digits at these places. */
  batch(indices: ArrayLike<number>): Batch {
    const { pixels } = this
    const count = indices.length
    const values = new Float32Array(count * PIXELS)
    const labels = new Float32Array(count)
    for (let i = 0; i < count; i++) {
      const [from, to] = [indices[i] * PIXELS, i * PIXELS]
      for (let p = 0; p < PIXELS; p++) values[to + p] = NORMALISED[pixels[from + p]]
      labels[i] = this.labels[indices[i]]
    }
    return { x: tensor(values, { shape: [count, 1, 28, 28] }), y: tensor(labels) }
  }
}

/** What has come, and what fetches the rest. */
export class DigitStream {
  readonly train = new Digits(TOTAL.train)
  readonly test = new Digits(TOTAL.test)
  #next = 0
  #busy = false
  #failed = false

  constructor(
    readonly base: string,
    readonly onProgress: (failure: string | undefined) => void,
  ) {}

  /** Training digits of an epoch, block by block: all of MNIST's, or, once the download has failed, what there is. */
  get blocks(): readonly number[] {
    if (!this.#failed) return TRAIN_BLOCKS
    let left = this.train.count
    return TRAIN_BLOCKS.map((count) => {
      const there = Math.min(count, left)
      left -= there
      return there
    })
  }

  /** Whether digits are on their way. */
  get busy(): boolean {
    return this.#busy
  }

  /** Fetches the shards that are missing, one after the other; ends at the first that fails. */
  async fetch(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    this.#failed = false
    try {
      while (this.#next < SHARDS.length) {
        const shard = SHARDS[this.#next]
        const content = await fetchShard(new URL(shard.path, this.base), shard)
        this[shard.part].append(content, shard.count)
        this.#next++
        this.onProgress(undefined)
      }
    } catch (error) {
      this.#failed = true
      this.onProgress(error instanceof Error ? error.message : String(error))
    } finally {
      this.#busy = false
    }
  }
}

async function fetchShard(url: URL, { count }: Shard): Promise<Uint8Array> {
  const response = await fetchKept(url)
  if (!response.ok || !response.body) throw new Error(`the server said ${response.status}`)
  const plain = response.body.pipeThrough(new DecompressionStream('gzip'))
  const content = new Uint8Array(await new Response(plain).arrayBuffer())
  if (content.length !== count * (PIXELS + 1)) throw new Error(`${url.pathname} has not all of its digits`)
  return content
}
