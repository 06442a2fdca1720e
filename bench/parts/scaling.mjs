// How speed changes with threads, batch, size and shape, and how much a user downloads.

import { downloadSize } from '../bundle.mjs'
import { messageOf } from '../children.mjs'
import { findBuilds, startOurs } from '../environment.mjs'
import { figure } from '../results.mjs'
import { median, ratios } from '../statistics.mjs'
import { ourRunner, takeTurns, WARM_UP } from '../turns.mjs'
import { NETS } from './jobs.mjs'

/** @typedef {import('../ours/kernels.mjs').Case} Case */

const MANY = 8
const BATCHES = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
const SIZES = [64, 128, 256, 512, 1024, 2048, 4096]

/** At most that much slower an image at a larger batch: 25 % more time is 80 % of the rate. */
const KEPT_RATE = 0.8
const ODD_SHAPES = 0.75
/** What a page with an MLP downloads in all, and the largest binary. */
const PAGE_KB = 125
const BINARY_KB = 100

/**
 * @param {string} net
 * @param {number} batch
 */
function twoThreadsTarget(net, batch) {
  if (net.startsWith('cnn')) return batch >= 256 ? 1.9 : 1.8
  return batch === 32 ? 1.5 : undefined
}

/**
 * 1, 2 and 8 threads in turns.
 *
 * @param {import('../environment.mjs').Build} build
 * @param {import('../turns.mjs').Context} context
 */
async function threadFigures(build, { rounds, turn, threads, progress }) {
  const figures = []
  const sides = await Promise.all([1, threads, MANY].map((count) => startOurs(build, count)))
  try {
    for (const batch of [32, 256]) {
      for (const net of NETS) {
        progress(`threads: ${net}, batch ${batch}`)
        const runners = []
        for (const [i, side] of sides.entries()) {
          runners.push(await ourRunner(side, { net, batch }, String(i)))
        }
        const samples = await takeTurns(runners, { rounds, turn })
        const [one, two, many] = ['0', '1', '2'].map((name) => samples.get(name) ?? [])
        const what = {
          part: 'scaling',
          table: 'threads',
          row: `${net}, batch ${batch}`,
          unit: /** @type {const} */ ('×'),
        }
        const [first, second] = [`${threads} against 1`, `${MANY} against ${threads}`]
        const target = threads === 2 ? twoThreadsTarget(net, batch) : undefined
        const more = { secondsPerStep: { 1: one, [threads]: two, [MANY]: many } }
        figures.push(figure({ ...what, column: first, target, more }, ratios(one, two)))
        figures.push(figure({ ...what, column: second, target: 0.9 }, ratios(two, many)))
      }
    }
  } finally {
    await Promise.all(sides.map((side) => side.stop()))
  }
  return figures
}

/**
 * Images a second at each batch, as a share of the best rate at any smaller batch; the worst is the figure.
 *
 * @param {import('../children.mjs').Side} side
 * @param {import('../turns.mjs').Context} context
 */
async function batchFigures(side, { rounds, turn, progress }) {
  /** @type {import('../results.mjs').Figure[]} */
  const figures = []
  for (const net of ['mlp', 'cnn-bn']) {
    progress(`batches: ${net}`)
    const runners = []
    for (const batch of BATCHES) runners.push(await ourRunner(side, { net, batch }, String(batch)))
    const samples = await takeTurns(runners, { rounds, turn })
    const rates = BATCHES.map((batch) => (samples.get(String(batch)) ?? []).map((seconds) => batch / seconds))
    const table = 'batch: images a second, against the best smaller batch'
    BATCHES.slice(1).forEach((batch, i) => {
      const best = rates.slice(0, i + 1).reduce((a, b) => (median(b) > median(a) ? b : a))
      const what = { part: 'scaling', table, row: net, column: `batch ${batch}`, target: KEPT_RATE }
      figures.push(
        figure({ ...what, unit: '×', more: { imagesPerSecond: rates[i + 1] } }, ratios(rates[i + 1], best)),
      )
    })
  }
  return figures
}

/**
 * Square matrix products on one thread, against the best size.
 *
 * @param {import('../children.mjs').Side} side
 * @param {import('../turns.mjs').Context} context
 */
async function sizeFigures(side, { rounds, turn, progress }) {
  progress('matmul 64 … 4096')
  /** @param {number[]} sizes @returns {Case[]} */
  const cases = (sizes) => sizes.map((n) => ({ name: `${n}`, op: 'matmul', form: 'NN', m: n, n, k: n }))
  /** @param {number[]} sizes @param {{ rounds: number, warmUp?: boolean }} options */
  const ask = async (sizes, options) => {
    const how = { ...options, milliseconds: 100 * turn, together: true }
    return (await side.ask({ do: 'kernels', cases: cases(sizes), ...how })).results
  }
  // The largest takes seconds: it has two rounds, and the smaller ones have warmed its code up.
  const results = [
    ...(await ask(SIZES.slice(0, -1), { rounds })),
    ...(await ask(SIZES.slice(-1), { rounds: 2, warmUp: false })),
  ]
  /** @type {{ name: string, shares: number[] }[]} of the peak, which takes the drift of the machine out */
  const all = results.map(({ name, rates, bounds }) => ({ name, shares: ratios(rates, bounds) }))
  const best = Math.max(...all.map(({ shares }) => median(shares)))
  return all.map(({ name, shares }) => {
    const table = 'matmul: rate against the best size'
    const what = { part: 'scaling', table, row: `${name}³`, column: 'one thread', target: KEPT_RATE }
    return figure(
      { ...what, unit: '×', more: { sharesOfPeak: shares } },
      shares.map((share) => share / best),
    )
  })
}

/** @type {{ like: Case, odd: Case[] }[]} */
const ODD = [
  {
    like: { name: '32×784·784×100', op: 'matmul', form: 'NT', m: 32, n: 100, k: 784 },
    odd: [{ name: '31×784·784×97', op: 'matmul', form: 'NT', m: 31, n: 97, k: 784 }],
  },
  {
    like: { name: '128³', op: 'matmul', form: 'NN', m: 128, n: 128, k: 128 },
    odd: [{ name: '97³', op: 'matmul', form: 'NN', m: 97, n: 97, k: 97 }],
  },
  ...[
    { op: /** @type {const} */ ('conv2dForward'), name: 'conv2d forward' },
    { op: /** @type {const} */ ('conv2dBackwardInput'), name: 'conv2d dX' },
    { op: /** @type {const} */ ('conv2dBackwardWeight'), name: 'conv2d dW' },
  ].map(({ op, name }) => {
    /** @param {string} shape @param {Omit<Extract<Case, { oc: number }>, 'name' | 'op'>} sizes @returns {Case} */
    const one = (shape, sizes) => ({ name: `${name} ${shape}`, op, ...sizes })
    const layer = { n: 32, c: 6, h: 14, w: 14, oc: 16, kernel: 5, padding: 0 }
    return {
      like: one('6→16, 5×5, 14×14', layer),
      odd: [
        one('7→18, 5×5, 14×14', { ...layer, c: 7, oc: 18 }),
        one('6→16, 3×3, 14×14', { ...layer, kernel: 3 }),
        one('6→16, 7×7, 14×14', { ...layer, kernel: 7 }),
        one('6→16, 5×5, batch 31', { ...layer, n: 31 }),
        one('6→16, 5×5, 14×97', { ...layer, w: 97 }),
        one('7→18, 7×7, 14×97, batch 31', { n: 31, c: 7, h: 14, w: 97, oc: 18, kernel: 7, padding: 3 }),
      ],
    }
  }),
  ...[
    { op: /** @type {const} */ ('batchNormForward'), name: 'batch norm forward' },
    { op: /** @type {const} */ ('batchNormBackward'), name: 'batch norm backward' },
    { op: /** @type {const} */ ('maxPool2dForward'), name: 'max pooling forward' },
    { op: /** @type {const} */ ('maxPool2dBackward'), name: 'max pooling backward' },
  ].map(({ op, name }) => ({
    like: /** @type {Case} */ ({ name: `${name} 32×6×28×28`, op, n: 32, c: 6, h: 28, w: 28 }),
    odd: [/** @type {Case} */ ({ name: `${name} 31×7×8×97`, op, n: 31, c: 7, h: 8, w: 97 })],
  })),
]

/**
 * Shapes that the jobs do not have, against those that they have.
 *
 * @param {import('../children.mjs').Side} side
 * @param {import('../turns.mjs').Context} context
 */
async function oddFigures(side, { rounds, turn, progress }) {
  progress('shapes that the jobs do not have')
  const figures = []
  for (const { like, odd } of ODD) {
    const how = { rounds, milliseconds: 50 * turn, together: true }
    const { results } = await side.ask({ do: 'kernels', cases: [like, ...odd], ...how })
    /** @type {number[][]} */
    const [base, ...others] = results.map((/** @type {{ rates: number[], bounds: number[] }} */ one) =>
      ratios(one.rates, one.bounds),
    )
    for (const [i, shares] of others.entries()) {
      const table = "shapes that the jobs do not have: rate against the jobs' shape"
      const names = { row: odd[i].name, column: `against ${like.name}` }
      figures.push(
        figure({ part: 'scaling', table, ...names, unit: '×', target: ODD_SHAPES }, ratios(shares, base)),
      )
    }
  }
  return figures
}

/**
 * @param {import('../turns.mjs').Context} context
 * @returns {Promise<import('../turns.mjs').Measured>}
 */
export async function scaling(context) {
  const { builds } = findBuilds()
  // The one that most users get.
  const build = builds[builds.length - 1]
  /** @type {string[]} */
  const missing = []
  const figures = await threadFigures(build, context)
  const several = await startOurs(build, context.threads)
  try {
    figures.push(...(await batchFigures(several, context)))
  } finally {
    await several.stop()
  }
  const single = await startOurs(build, 1)
  try {
    figures.push(...(await sizeFigures(single, context)), ...(await oddFigures(single, context)))
  } finally {
    await single.stop()
  }
  try {
    context.progress('download size')
    const what = { part: 'scaling', table: 'download, gzip', unit: /** @type {const} */ ('KB') }
    const all = await downloadSize('everything')
    const page = await downloadSize('an MLP')
    /** @param {string} row @param {number} bytes @param {number} [target] */
    const add = (row, bytes, target) =>
      figures.push(figure({ ...what, row, column: 'bundled', target, more: { ...all } }, [bytes / 1000]))
    if (page.whole || !all.whole)
      throw new Error('a page with an MLP needs the core kernels only, and all exports all')
    add('all JavaScript and the binary with all kernels', all.javascript + all.wasm)
    add('the binary with all kernels', all.wasm)
    add('a page with an MLP', page.javascript + page.wasm, PAGE_KB)
    add('its binary, with the core kernels', page.wasm, BINARY_KB)
  } catch (error) {
    missing.push(`download size: ${messageOf(error)}`)
  }
  return {
    figures,
    cells: [],
    missing,
    versions: { [build.build]: String(single.ready.runtime) },
    notes: [
      `${build.build} build. ${context.rounds} rounds, each net warmed up for ${WARM_UP} s first. 8 threads on fewer cores should lose less than 10 %. The largest product has 2 rounds.`,
      'Odd shapes and sizes run on one thread, in turns, each beside the multiply-add peak (or a copy), which takes the drift of the machine out.',
      'Download: Vite bundles and minifies all that the web entry exports, or a page that trains an MLP. Of the binaries with the core kernels, or with all where the page needs them, the largest counts.',
    ],
  }
}
