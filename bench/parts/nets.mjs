// Nets that nobody tuned for: a training step, and the answer for one sample, beside PyTorch's, in turns.
import { messageOf, startSide } from '../children.mjs'
import { findBuilds, here, python, startOurs } from '../environment.mjs'
import { COMPILED, eagerOf, PYTORCH, torchRunners } from '../pytorch.mjs'
import { digits } from '../report/tables.mjs'
import { figure } from '../results.mjs'
import { median, ratios } from '../statistics.mjs'
import { ourRunner, peerRunner, takeTurns, WARM_UP } from '../turns.mjs'
import { memoryFigures } from './nets-memory.mjs'

/**
 * @typedef {object} Job
 * @property {string} row its name in tables
 * @property {string} net its name on both sides
 * @property {number} batch
 * @property {boolean} [infers] whether it answers instead of training
 * @property {number} [target] times as fast as PyTorch, eager
 * @property {number} [share] of the compiled speed, in %, that a loop of a user's own has at least
 */

/** Nets that answer with batch norm and without it. @type {Job[]} */
export const FOLDS = [
  { row: 'tabular MLP', net: 'tabular', batch: 1, infers: true },
  { row: 'cnn-bn', net: 'cnn-bn', batch: 1, infers: true },
  { row: 'ResNet-20', net: 'resnet20', batch: 1, infers: true },
  { row: 'ResNet-20', net: 'resnet20', batch: 64, infers: true },
  { row: 'MobileNetV2-like', net: 'mobilenet', batch: 1, infers: true },
]

/** torch.compile takes half a minute for the largest of them. */
const COMPILE_SECONDS = 240

const JAX = 'JAX (jit)'
const OURS = 'compiled'
const LOOP = 'in a loop'
/** Unless a job says another. */
const SHARE = 75

/** @type {Job[]} */
export const JOBS = [
  { row: 'tabular MLP 16-64-64-3, batch norm', net: 'tabular', batch: 64, target: 8, share: 50 },
  { row: 'MLP 256-512-512-10', net: 'mlp', batch: 128, target: 1.1 },
  { row: 'GRU, 28 steps of 28, width 64', net: 'gru', batch: 64, target: 2 },
  { row: 'char transformer, 32 tokens, width 64', net: 'char-gpt', batch: 16, target: 1.5 },
  { row: 'LeNet-5', net: 'lenet', batch: 256 },
  { row: 'VGG-like 3-32-64-128', net: 'vgg', batch: 64, target: 1.9 },
  { row: 'ResNet-20', net: 'resnet20', batch: 64, target: 1.8 },
  { row: 'MobileNetV2-like', net: 'mobilenet', batch: 64, target: 1.5 },
  { row: 'U-Net 1-16-32-64, 64×64', net: 'unet', batch: 8, target: 1.3 },
  { row: 'tabular MLP', net: 'tabular', batch: 1, infers: true, target: 4, share: 50 },
  { row: 'cnn-bn', net: 'cnn-bn', batch: 1, infers: true, target: 2 },
  { row: 'ResNet-20', net: 'resnet20', batch: 1, infers: true, target: 1 },
]

/**
 * @param {import('../turns.mjs').Context} context
 * @returns {Promise<import('../turns.mjs').Measured>}
 */
export async function nets({ rounds, turn, threads, progress }) {
  const { builds, missing } = findBuilds()
  const build = builds[builds.length - 1]
  /** @type {import('../results.mjs').Figure[]} */
  const figures = []
  /** @type {import('../children.mjs').Side[]} */
  const sides = []
  /** @type {Record<string, string>} */
  const versions = {}
  try {
    progress('starting')
    const torch = await startSide([python, here('peers/torch_nets.py')]).catch((error) => {
      missing.push(`PyTorch: ${messageOf(error)} (SIMDGRAD_PYTHON names a Python that has it)`)
      return undefined
    })
    if (torch) sides.push(torch)
    const jax = await startSide([python, here('peers/jax_nets.py')]).catch((error) => {
      missing.push(`JAX: ${messageOf(error)} (SIMDGRAD_PYTHON names a Python that has it)`)
      return undefined
    })
    if (jax) sides.push(jax)
    // Two processes, so that one's garbage is not collected in the other's time.
    const compiled = await startOurs(build, threads, ['--nets'])
    sides.push(compiled)
    const loop = await startOurs(build, threads, ['--nets'])
    sides.push(loop)
    versions[build.build] = String(compiled.ready.runtime)
    if (torch) versions.torch = String(torch.ready.version)
    if (jax) versions.jax = String(jax.ready.version)
    const torchSide = torch && torchRunners(torch, threads, missing, COMPILE_SECONDS)
    /** @type {readonly string[]} */
    const jaxNets = jax ? Object(jax.ready.nets) : []

    for (const job of JOBS) {
      const name = nameOf(job)
      progress(name)
      const { net, batch, infers = false } = job
      const [mine, plain] = [true, false].map((compiled) => ({ net, batch, infers, compiled }))
      const runners = [
        ...[await ourRunner(compiled, mine, OURS), await ourRunner(loop, plain, LOOP)],
        ...(torchSide ? await torchSide({ net, batch, infers }, name) : []),
      ]
      const withJax = jax && !infers && jaxNets.includes(net)
      if (withJax) runners.push(await peerRunner(jax, { net, batch, threads }, JAX, { compiles: true }))
      const samples = await takeTurns(runners, { rounds, turn })
      /** @type {Record<string, Answer>} */
      const answers = {
        [OURS]: await compiled.ask({ do: 'train', ...mine, steps: POOL }),
        [LOOP]: await loop.ask({ do: 'train', ...plain, steps: POOL }),
        ...(torch && { [PYTORCH]: await torch.ask({ net, batch, infers, threads, steps: POOL }) }),
        ...(withJax && { [JAX]: await jax.ask({ net, batch, steps: POOL }) }),
      }
      missing.push(...doubts(name, answers, infers))
      figures.push(...figuresOf(job, build.build, samples, answers))
    }
    for (const job of FOLDS) {
      const name = `${job.row}, batch ${job.batch}, folded`
      progress(name)
      const ask = { net: job.net, batch: job.batch, infers: true, compiled: true }
      const runners = [
        await ourRunner(compiled, ask, 'before'),
        await ourRunner(compiled, { ...ask, folded: true }, 'after'),
      ]
      figures.push(foldFigure(job, build.build, await takeTurns(runners, { rounds, turn })))
    }
    // One table after the other.
    figures.sort((a, b) => Number(a.unit === '%') - Number(b.unit === '%'))
    progress('memory')
    figures.push(...(await memoryFigures(build, threads)))
  } finally {
    await Promise.all(sides.map((side) => side.stop()))
  }
  return {
    figures,
    cells: [],
    missing,
    versions,
    notes: [
      `Our ${build.build} build, ${threads} threads; PyTorch in the better of 1 and ${threads} threads; medians of ${rounds} rounds, in which every side has about ${turn} s, after ${WARM_UP} s of warm-up. Inputs and labels are random and lie in memory; a step is forward, loss, zeroGrad, backward, step, and reads the loss.`,
      'Compiled: through `compile`; in a loop: the same calls without it. An answer is a forward of one sample in eval mode without the tape, and reads the logits.',
    ],
  }
}

/** Steps that go once through what the sides train on. */
const POOL = 8

/** @typedef {{ loss?: number, first?: number, parameters?: number, reason?: string }} Answer */

/**
 * How much faster a net answers once its batch norm is folded.
 *
 * @param {Job} job
 * @param {'strict' | 'relaxed'} build
 * @param {Map<string, number[]>} samples seconds an answer, before and after
 */
export function foldFigure({ row, batch }, build, samples) {
  const [before, after] = [samples.get('before') ?? [], samples.get('after') ?? []]
  const detail = `${[before, after].map((seconds) => digits(1000 * median(seconds))).join(' before, ')} ms after`
  const what = {
    part: /** @type {const} */ ('nets'),
    table: 'answers, batch norm folded',
    unit: /** @type {const} */ ('×'),
  }
  const where = { row: `${row}, batch ${batch}`, column: `${build}, against as it was` }
  return figure(
    { ...what, ...where, detail, more: { secondsPerStep: after, otherSecondsPerStep: before } },
    ratios(before, after),
  )
}

/** @param {Job} job */
const nameOf = ({ row, batch, infers }) => `${row}, ${infers ? 'one sample' : `batch ${batch}`}`

/**
 * What speaks against a comparison: nets of different sizes, a loss that does not fall, a step that is not replayed.
 *
 * @param {string} name
 * @param {Record<string, Answer>} answers by side
 * @param {boolean} infers
 */
export function doubts(name, answers, infers) {
  const found = []
  const sizes = new Set(Object.values(answers).map(({ parameters }) => parameters))
  if (sizes.size > 1) found.push(`${name}: the sides' nets have ${[...sizes].join(' and ')} parameters`)
  for (const [side, { loss = Number.NaN, first = Number.NaN, reason }] of Object.entries(answers)) {
    if (reason !== undefined) found.push(`${name}: the step is not replayed: ${reason}`)
    if (infers || loss < first) continue
    found.push(`${name}: the loss does not fall (${side}: ${first.toFixed(3)}, then ${loss.toFixed(3)})`)
  }
  return found
}

/**
 * @param {Job} job
 * @param {'strict' | 'relaxed'} build
 * @param {Map<string, number[]>} samples seconds a step, by side
 * @param {Record<string, Answer>} answers
 */
export function figuresOf(job, build, samples, answers) {
  const { infers, target, share = SHARE } = job
  const mine = samples.get(OURS) ?? []
  const part = /** @type {const} */ ('nets')
  const table = infers ? 'an answer for one sample' : 'a training step'
  const row = nameOf(job)
  const losses = Object.fromEntries(
    Object.entries(answers).map(([side, { first, loss }]) => [side, [first, loss]]),
  )
  /** @param {number[]} theirs */
  const detail = (theirs) =>
    `${[mine, theirs].map((seconds) => digits(1000 * median(seconds))).join(' against ')} ms`
  /** @type {[string, string, number[] | undefined, number | undefined][]} */
  const others = [
    [PYTORCH, ...eagerOf(samples), target],
    [COMPILED, COMPILED, samples.get(COMPILED), undefined],
    [JAX, JAX, samples.get(JAX), undefined],
  ]
  const figures = others.flatMap(([peer, other, theirs, target]) => {
    if (!theirs) return []
    const more = { secondsPerStep: mine, otherSecondsPerStep: theirs, other, losses }
    const what = { part, table, row, column: `${build}, against ${peer}`, target, more }
    const rounds = mine.slice(0, theirs.length)
    return [figure({ ...what, unit: '×', detail: detail(theirs) }, ratios(theirs, rounds))]
  })
  const loop = samples.get(LOOP) ?? []
  const what = {
    part,
    table: "in a loop of a user's own: share of the compiled speed",
    row,
    column: `${build}, uncompiled`,
  }
  const shares = ratios(mine, loop).map((one) => 100 * one)
  return [...figures, figure({ ...what, unit: '%', target: share, detail: detail(loop) }, shares)]
}
