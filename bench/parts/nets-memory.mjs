// How much memory a training step of ResNet-20 takes, against what it has to save for backward.
import { startOurs } from '../environment.mjs'
import { digits } from '../report/tables.mjs'
import { figure } from '../results.mjs'

const JOB = { net: 'resnet20', batch: 64 }
/** Times as much as the saved activations at most. */
const ROOM = 1.3
const MB = 1e6

/**
 * Bytes of what ResNet (examples/nets/resnet20.mjs) has to save: the images, of each convolution its result, which
 * batch norm's backward needs, and of each ReLU its own, which the next convolution's needs.
 *
 * @param {number} batch
 * @param {{ width?: number, blocks?: number, channels?: number, size?: number }} [options]
 */
export function savedActivations(batch, { width = 16, blocks = 3, channels = 3, size = 32 } = {}) {
  const stages = [0, 1, 2].map((stage) => {
    // With the first convolution of all, or the shortcut's, which has no ReLU.
    const results = 2 * (2 * blocks) + (stage === 0 ? 2 : 1)
    return results * width * 2 ** stage * (size / 2 ** stage) ** 2
  })
  return 4 * batch * (channels * size ** 2 + stages.reduce((a, b) => a + b, 0))
}

/**
 * In processes of their own, whose wasm memory tells its peak.
 *
 * @param {import('../environment.mjs').Build} build
 * @param {number} threads
 */
export async function memoryFigures(build, threads) {
  const answers = []
  for (const compiled of [true, false]) {
    const side = await startOurs(build, threads, ['--nets'])
    try {
      answers.push(await side.ask({ do: 'memory', ...JOB, compiled }))
    } finally {
      await side.stop()
    }
  }
  const [compiled, loop] = answers
  const saved = savedActivations(JOB.batch)
  /** @param {number} bytes */
  const megabytes = (bytes) => `${digits(bytes / MB)} MB`
  const hand = `saved activations by hand count: ${megabytes(saved)}`
  const what = {
    part: 'nets',
    table: `memory of a step of ResNet-20, batch ${JOB.batch}`,
    unit: /** @type {const} */ ('MB'),
  }
  const target = Math.round((ROOM * saved) / MB)
  return [
    figure(
      {
        ...{ ...what, row: 'what the recording has for itself', column: 'compiled', target },
        detail: `${digits(compiled.recording / saved)} × the ${hand}; with all else that lives ${megabytes(compiled.live)}`,
      },
      [compiled.recording / MB],
    ),
    figure(
      {
        ...{ ...what, row: 'what lives when forward is done', column: 'in a loop' },
        detail: `${digits(loop.afterForward / saved)} × the ${hand}; before forward ${megabytes(loop.idle)}`,
      },
      [loop.afterForward / MB],
    ),
    figure(
      {
        ...{ ...what, row: 'the wasm memory, which is the peak of all', column: 'in a loop' },
        detail: `compiled: ${megabytes(compiled.wasm)}, with the steps that are recorded`,
      },
      [loop.wasm / MB],
    ),
  ]
}
