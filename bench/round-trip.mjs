// How far apart two threads' cores are: cores that share a cache hand a word over and back in some 100 ns, others of
// the same machine take five times that, and a virtual machine's may be the one or the other from minute to minute.
import { Worker } from 'node:worker_threads'

const ROUNDS = 20_000
/** Before these the other thread may still be on its way. */
const FIRST = ROUNDS / 10
/** After so many milliseconds there are no more: two threads of one core take a turn of its scheduler for each. */
const LONGEST = 200
/** Where each thread's word is: on cache lines of their own. */
const [OURS, THEIRS] = [0, 64]

/** The other thread: gives back each number that it finds, until one is negative. */
const ECHO = `
const { workerData } = require('node:worker_threads')
const words = new Int32Array(workerData)
for (let i = 0, seen = 0; seen >= 0; i = seen) {
  while ((seen = Atomics.load(words, ${OURS})) === i);
  Atomics.store(words, ${THEIRS}, seen)
}`

/** Nanoseconds in which a word goes to another thread and back. */
export async function roundTrip() {
  const shared = new SharedArrayBuffer(512)
  const words = new Int32Array(shared)
  const worker = new Worker(ECHO, { eval: true, workerData: shared })
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  await new Promise((resolve) => worker.once('online', resolve))
  const send = (/** @type {number} */ word) => {
    Atomics.store(words, OURS, word)
    while (Atomics.load(words, THEIRS) !== word);
  }
  const begun = performance.now()
  let [start, from, round] = [begun, 0, 0]
  while (round < ROUNDS && (round % 16 > 0 || performance.now() - begun < LONGEST)) {
    if (round === FIRST) [start, from] = [performance.now(), round]
    send(++round)
  }
  const nanoseconds = (1e6 * (performance.now() - start)) / (round - from)
  send(-1)
  await ended
  return nanoseconds
}
