/** MNIST in pieces: a small first one of each part, so that training starts at once, and the rest. */
export interface Shard {
  /** Below the page's address. */
  readonly path: string
  readonly part: 'train' | 'test'
  /** Place of its first digit in the part. */
  readonly first: number
  readonly count: number
}

export const TOTAL = { train: 60_000, test: 10_000 } as const

/** Bytes of a digit: 28 × 28 pixels. */
export const PIXELS = 784

function cut(part: 'train' | 'test', counts: readonly number[]): Shard[] {
  let first = 0
  return counts.map((count, i) => {
    const shard = { path: `digits/${part}-${i}.bin`, part, first, count }
    first += count
    return shard
  })
}

/** Test digits that every accuracy of the page is an average over: they come with the first shard. */
export const JUDGED = 2000

/** In the order in which they are fetched. A shard is gzip; in it lie all labels, then all pixels. */
export const SHARDS: readonly Shard[] = [
  ...cut('test', [JUDGED]),
  ...cut('train', [2000, 4000, ...Array<number>(9).fill(6000)]),
  ...cut('test', [JUDGED, TOTAL.test - JUDGED]).slice(1),
]

/** Digits of each shard of training data, in their order. */
export const TRAIN_BLOCKS: readonly number[] = SHARDS.filter(({ part }) => part === 'train').map(
  ({ count }) => count,
)
