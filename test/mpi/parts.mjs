// What is asked of jobs that run to their end.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runtimePath } from '../runtimes/runtimes.mjs'
import { job, MAKES, mpirun, ranksOf, root, run } from './launch.mjs'

/** @typedef {{ test: (name: string, run: () => Promise<unknown> | unknown) => Promise<void>, leftOut: string[], all: boolean, named: boolean, seed: number }} Context */
/** @typedef {import('./launch.mjs').Outcome} Outcome */

/** The line that a job ends with. @param {Outcome} outcome */
export function last({ status, lines, output, errors }) {
  assert.equal(status, 0, `exit code ${status}\n${output.slice(-2000)}\n${errors.slice(-3000)}`)
  assert.ok(lines.length > 0, `no line\n${output}\n${errors}`)
  return lines[lines.length - 1]
}

/** @param {Context} context */
export async function world({ test }) {
  for (const make of MAKES) {
    await test(`tensors between 4 ranks, ${make}`, async () => {
      const outcome = await ranksOf(make, 4, 'world', '4')
      assert.match(outcome.output, /^right$/m, outcome.errors)
      assert.equal(outcome.status, 0, outcome.errors)
    })
  }
}

/** @param {Context} context */
export async function errors({ test }) {
  await test('a process that was started alone is a world of one', async () => {
    assert.deepEqual(last(await run(process.execPath, [job('joins')])), { rank: 0, size: 1 })
  })
  await test('forgotten mpirun, where a size is asked for', async () => {
    const { code, message } = last(await run(process.execPath, [job('joins'), '{"size": 4}']))
    assert.equal(code, 'other-size')
    assert.match(message, /started alone: mpirun -n 4/)
  })
  await test('tasks of srun without MPI', async () => {
    const env = { SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '4' }
    const { code, message } = last(await run(process.execPath, [job('joins')], { env }))
    assert.equal(code, 'no-launcher')
    assert.match(message, /srun --mpi=pmix/)
  })
  await test('koffi is not installed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'simdgrad-koffi-'))
    try {
      cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
      const script = `import { mpi } from './dist/distributed/index.node.js'
        await mpi().catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`
      writeFileSync(join(folder, 'joins.mjs'), script)
      const [program, ...args] = mpirun(MAKES[0], 2)
      const outcome = await run(program, [...args, '-n', '2', process.execPath, join(folder, 'joins.mjs')])
      const { code, message } = last(outcome)
      assert.equal(code, 'no-koffi')
      assert.match(message, /npm install koffi$/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  for (const make of MAKES) {
    const other = make === 'openmpi' ? 'mpich' : 'openmpi'
    if (MAKES.includes(other)) {
      const library = other === 'openmpi' ? 'libmpi.so.40' : 'libmpich.so.12'
      await test(`the library of ${other} under the mpirun of ${make}`, async () => {
        const { code, message } = last(await ranksOf(make, 2, 'joins', { library }))
        assert.equal(code, 'other-make')
        assert.match(message, /name the library of/)
      })
    }
    await test(`no library, ${make}`, async () => {
      const { code, message } = last(await ranksOf(make, 2, 'joins', { library: '/nowhere/libmpi.so' }))
      assert.equal(code, 'no-library')
      assert.match(message, /apt-get install/)
    })
    await test(`a rank that throws ends the job, and says why, ${make}`, async () => {
      const [program, ...args] = mpirun(make, 2)
      const outcome = await run(program, [...args, '-n', '2', process.execPath, job('joins'), '{}', 'throws'])
      assert.notEqual(outcome.status, 0)
      assert.ok(outcome.seconds < 30, `after ${outcome.seconds} s`)
      assert.match(outcome.errors + outcome.output, /on purpose, in the last rank/)
    })
  }
}

/** Ranks against one process with the whole batch, after every step. @param {Context} context */
export async function equal({ test, all }) {
  /** @param {string} name @param {object} options @param {number} most @param {readonly import('./launch.mjs').Make[]} makes */
  const check = async (name, options, most, makes) => {
    for (const make of makes) {
      await test(`4 ranks equal one process: ${name}, ${make}`, async () => {
        const { difference, replayed } = last(await ranksOf(make, 4, 'equal', options))
        assert.ok(difference <= most, `they differ by ${difference}`)
        if ('compiled' in options) assert.ok(replayed > 0, 'no step was replayed')
        return `differ by ${difference.toExponential(1)} at most`
      })
    }
  }
  await check('cnn-bn', { net: 'cnn-bn', steps: 6, sizes: [8, 8, 8, 8], compiled: true }, 1e-5, MAKES)
  await check(
    'cnn-bn, uneven and empty',
    { net: 'cnn-bn', steps: 6, sizes: [10, 5, 17, 0], compiled: true },
    1e-5,
    MAKES,
  )
  await check('mlp, eager', { net: 'mlp', steps: 6, sizes: [1, 9, 8, 14] }, 1e-5, MAKES.slice(0, 1))
  // ResNet-20's ten million ReLUs have some at 0, which rounding alone turns; without that corner none differs.
  const smooth = { net: 'resnet-20-silu', steps: all ? 6 : 4, sizes: [8, 8, 8, 8], lr: 0.03, compiled: true }
  await check('ResNet-20 with SiLU', smooth, 1e-5, all ? MAKES : MAKES.slice(0, 1))
  const resnet = { net: 'resnet-20', steps: all ? 10 : 4, sizes: [8, 8, 8, 8], lr: 0.03, compiled: true }
  await check('ResNet-20', { ...resnet }, 3e-4, all ? MAKES : MAKES.slice(0, 1))
}

/** Steps of which something is another in one rank, compiled against the same as they are. @param {Context} context */
export async function steps({ test, all }) {
  for (const make of MAKES) {
    for (const ranks of all ? [2, 3, 4] : [make === 'mpich' ? 2 : 3]) {
      await test(`uneven steps, compiled, ${ranks} ranks, ${make}`, async () => {
        const { cases, taken } = last(await ranksOf(make, ranks, 'steps', undefined, { seconds: 60 }))
        assert.equal(taken, 3, 'replays that were taken back in one rank alone')
        return `${cases} nets`
      })
    }
  }
}

/** Several batches an update. @param {Context} context */
export async function accumulate({ test, all }) {
  for (const make of all ? MAKES : MAKES.slice(0, 1)) {
    for (const ranks of all ? [2, 3, 4] : [3]) {
      await test(`three batches an update, sent once, equal one process: ${ranks} ranks, ${make}`, async () => {
        const outcome = last(await ranksOf(make, ranks, 'accumulate', { net: 'cnn-bn' }))
        assert.ok(outcome.difference <= 1e-5, `they differ by ${outcome.difference}`)
        assert.deepEqual([outcome.sent, outcome.compiled], [outcome.updates, true])
        return `differ by ${outcome.difference.toExponential(1)} at most`
      })
    }
  }
}

/** One hash for any number of ranks, of either MPI. @param {Context} context */
export async function bits({ test, all }) {
  /** @param {string} name @param {object} options @param {readonly number[]} counts @param {readonly import('./launch.mjs').Make[]} [makes] */
  const check = async (name, options, counts, makes = MAKES) => {
    const given = { deterministic: true, ...options }
    /** @type {string | undefined} */
    let expected
    for (const make of makes) {
      for (const ranks of counts) {
        await test(`the same bits: ${name}, ${ranks} ranks, ${make}`, async () => {
          const { hash, size } = last(await ranksOf(make, ranks, 'train', given))
          assert.equal(size, ranks)
          expected ??= hash
          assert.equal(hash, expected)
          return String(hash).slice(0, 12)
        })
      }
    }
    await test(`the same bits: ${name}, 2 ranks of 3 threads, uncompiled`, async () => {
      const { hash } = last(await ranksOf(MAKES[0], 2, 'train', { ...given, threads: 3, compile: false }))
      assert.equal(hash, expected)
    })
  }
  // 77 and 197 leave 13 and 5 for the last batch of 32: shards of one more and one fewer, and empty ones.
  await check('cnn-bn', { net: 'cnn-bn', images: 77, epochs: 3 }, [1, 2, 3, 4])
  await check('mlp, some shards empty', { net: 'mlp', images: 197 }, all ? [1, 2, 3, 4] : [1, 4])
  const several = { net: 'cnn-bn', images: 77, batch: 16, accumulate: 3, epochs: 3 }
  const some = all ? MAKES : MAKES.slice(0, 1)
  await check('three batches an update', several, all ? [1, 2, 3, 4] : [1, 3], some)
  await check(
    'dropout, compiled',
    { net: 'mlp-dropout', images: 77, epochs: 3 },
    all ? [1, 2, 3, 4] : [1, 3],
    some,
  )
  await check('attention, GRU, dropout', { net: 'rows', images: 77 }, all ? [1, 2, 3, 4] : [1, 3], some)
  const resnet = { net: 'resnet-20', images: all ? 173 : 77, compile: true }
  await check('ResNet-20', resnet, all ? [1, 2, 3, 4] : [2])
}

/** Node, Bun and Deno in one job. @param {Context} context */
export async function runtimes({ test, leftOut }) {
  const [bun, deno] = [runtimePath('bun'), runtimePath('deno')]
  if (!bun || !deno) {
    leftOut.push('Bun and Deno: npm ci --prefix test/runtimes brings them')
    return
  }
  const options = JSON.stringify({ net: 'cnn-bn', images: 96, deterministic: true })
  for (const make of MAKES) {
    await test(`Node, Bun and Deno in one job, ${make}`, async () => {
      const { hash } = last(await ranksOf(make, 1, 'train', options))
      const [program, ...args] = mpirun(make, 3)
      const each = [[process.execPath], [bun], [deno, 'run', '-A']].map((runtime) => [
        ...['-n', '1', ...runtime, job('train'), options],
      ])
      const mixed = last(
        await run(program, [...args, ...each.flatMap((one, i) => (i > 0 ? [':', ...one] : one))]),
      )
      assert.equal(mixed.size, 3)
      assert.equal(mixed.hash, hash)
    })
  }
}
