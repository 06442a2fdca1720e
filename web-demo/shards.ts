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

/** Digits of the first shard of training data: the first epoch has these, so that every start is the same. */
export const FIRST_EPOCH = 2000

/** In the order in which they are fetched. A shard is gzip; in it lie all labels, then all pixels. */
export const SHARDS: readonly Shard[] = [
  ...cut('test', [1000]),
  ...cut('train', [FIRST_EPOCH, 4000, ...Array<number>(9).fill(6000)]),
  ...cut('test', [1000, 9000]).slice(1),
]
