// A training Worker in Node, for train-in-worker.test.ts: as a page's, but for its port.
import { parentPort } from 'node:worker_threads'
import { serveTraining } from 'simdgrad/training-worker'
import { training } from './training.mjs'

serveTraining(
  (
    /** @type {{ epochs: number, at?: number, flag?: Int32Array, does?: 'hang' | 'die' | 'throw' }} */ settings,
  ) => {
    const { at, flag, does } = settings
    if (does === 'throw') throw new RangeError('no such data')
    // Once, whichever Worker comes there.
    const onBatchEnd = (/** @type {{ step: number }} */ { step }) => {
      if (step !== at || !flag || Atomics.compareExchange(flag, 0, 0, 1) !== 0) return
      if (does === 'die') process.exit(1)
      for (;;);
    }
    return { ...training(settings), callbacks: [{ onBatchEnd }] }
  },
  { init: { threads: 1, deterministic: true }, port: /** @type {any} */ (parentPort) },
)
