// Trainings that are ended, and go on: by the command, and by a rank that is killed.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fewDigits } from './digits.mjs'
import { killRank } from './kill.mjs'
import { MAKES, mpirun, ranksOf, root, run } from './launch.mjs'
import { last } from './parts.mjs'

/** @typedef {import('./parts.mjs').Context} Context */

/** @template T @param {(folder: string) => Promise<T>} use */
async function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'simdgrad-mpi-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `simdgrad mnist` under mpirun. @param {Context} context */
export async function command({ test }) {
  for (const make of MAKES) {
    await test(`simdgrad mnist under mpirun, checkpoints and resumes on other ranks, ${make}`, () =>
      inFolder(async (folder) => {
        fewDigits(folder, 330, 50)
        const mnist = (/** @type {number} */ ranks, /** @type {string[]} */ ...more) => {
          const [program, ...args] = mpirun(make, ranks)
          const net = ['--net', 'cnn-bn', '--data', folder, '--deterministic', '--json']
          const cli = [join(root, 'dist/cli/main.js'), 'mnist', ...net, ...more]
          return run(program, [...args, '-n', String(ranks), process.execPath, ...cli])
        }
        const saved = join(folder, 'all.safetensors')
        const whole = await mnist(2, '--epochs', '3', '--save', saved)
        const { weightsHash, epoch, validAcc } = last(whole)
        assert.equal(epoch, 2)
        assert.equal(whole.lines.length, 3, 'a line an epoch, of rank 0 alone')
        assert.ok(validAcc > 0 && validAcc <= 1 && readFileSync(saved).length > 0)
        const checkpoint = ['--checkpoint', join(folder, 'runs')]
        last(await mnist(3, '--epochs', '1', ...checkpoint))
        const rest = last(await mnist(1, '--epochs', '3', ...checkpoint, '--resume'))
        assert.equal(rest.weightsHash, weightsHash)
        const { validLoss } = last(whole)
        assert.ok(Math.abs(rest.validLoss - validLoss) < 1e-6)
      }))
  }
}

/** mulberry32: the moments of a seed are the same again. @param {number} seed */
function randomOf(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** SIGKILL of a rank at a random moment; the rest goes on, on another number of ranks, to the same weights. @param {Context} context */
export async function kills({ test, all, seed }) {
  const random = randomOf(seed)
  const options = { net: 'cnn-bn', images: 205, epochs: 2, deterministic: true }
  const { hash, steps } = last(await ranksOf(MAKES[0], 2, 'train', options))
  const count = all ? 20 : 2
  for (let i = 0; i < count; i++) {
    const make = MAKES[i % MAKES.length]
    const ranks = 2 + Math.floor(random() * (all ? 3 : 1))
    const victim = Math.floor(random() * ranks)
    // After a random step, and in the midst of the next.
    const [after, pause] = [1 + Math.floor(random() * (steps - 2)), random() * 30]
    await test(`kill ${i + 1}: rank ${victim} of ${ranks} after step ${after}, ${make}`, () =>
      inFolder(async (folder) => {
        const killed = await killRank(make, ranks, { ...options, folder }, { victim, after, pause })
        assert.notEqual(killed.status, 0, 'the job has ended as if nothing had happened')
        const again = 1 + Math.floor(random() * (all ? 4 : 2))
        const other = MAKES[Math.floor(random() * MAKES.length)]
        const rest = last(await ranksOf(other, again, 'train', { ...options, folder }))
        assert.match(rest.resumed ?? '', /checkpoint-\d+\.safetensors$/)
        const from = Number(/checkpoint-(\d+)/.exec(rest.resumed)?.[1])
        // (The line of a step comes before it is saved.)
        assert.ok(from >= after - 1, `goes on from step ${from}, after ${after}`)
        assert.equal(rest.hash, hash)
        return `on from step ${from} with ${again} ranks of ${other}`
      }))
  }
}
