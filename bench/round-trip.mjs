// How far apart two threads' cores are: cores that share a cache hand a word over and back in some 100 ns, others of
// the same machine take five times that, and a virtual machine's may be the one or the other from minute to minute.
import { Worker } from 'node:worker_threads'

const ROUNDS = 20_000
/** Before these the other thread may still be on its way. */
const FIRST = ROUNDS / 10
/** Where each thread's word is: on cache lines of their own. */
const [OURS, THEIRS] = [0, 64]

/** The other thread: gives back each number that it finds. */
const ECHO = `
const { workerData } = require('node:worker_threads')
const words = new Int32Array(workerData)
for (let i = 1; i <= ${ROUNDS}; i++) {
  while (Atomics.load(words, ${OURS}) !== i);
  Atomics.store(words, ${THEIRS}, i)
}`

/** Nanoseconds in which a word goes to another thread and back. */
export async function roundTrip() {
  const shared = new SharedArrayBuffer(512)
  const words = new Int32Array(shared)
  const worker = new Worker(ECHO, { eval: true, workerData: shared })
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  await new Promise((resolve) => worker.once('online', resolve))
  let start = 0
  for (let i = 1; i <= ROUNDS; i++) {
    if (i === FIRST) start = performance.now()
    Atomics.store(words, OURS, i)
    while (Atomics.load(words, THEIRS) !== i);
  }
  const nanoseconds = (1e6 * (performance.now() - start)) / (ROUNDS - FIRST)
  await ended
  return nanoseconds
}
