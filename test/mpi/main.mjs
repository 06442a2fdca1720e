// Trains on several ranks with the real engines, Open MPI and MPICH, as Debian has them:
//   npm run test:mpi                     CI's share, about two minutes
//   npm run test:mpi -- --all            all of it: 20 kills, ResNet-20 everywhere
//   npm run test:mpi -- kills hosts      some parts: world, errors, equal, steps, accumulate, bits, runtimes, command,
//                                        kills, hosts, wheels, slurm
// What this machine can't do (no MPI, no root for network namespaces) is named as left out. The last line is
// `N passed, M failed`.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hosts } from './hosts.mjs'
import { MAKES, root } from './launch.mjs'
import { accumulate, bits, equal, errors, runtimes, steps, world } from './parts.mjs'
import { command, kills } from './restarts.mjs'
import { slurm } from './slurm.mjs'
import { wheels } from './wheels.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false }, seed: { type: 'string', default: '1' } },
})
if (!existsSync(join(root, 'dist/index.node.js'))) throw new Error('npm run build first')

let [passed, failed] = [0, 0]
/** @type {string[]} */
const leftOut = []

/**
 * One test: `run` throws where it fails.
 * @param {string} name @param {() => Promise<unknown> | unknown} run
 */
async function test(name, run) {
  const start = performance.now()
  try {
    const note = await run()
    passed++
    console.log(
      `passed: ${name}${note ? ` (${note})` : ''}, ${((performance.now() - start) / 1000).toFixed(1)} s`,
    )
  } catch (error) {
    failed++
    console.log(`FAILED: ${name}\n${error instanceof Error ? error.stack : error}`)
  }
}

const parts = {
  world,
  errors,
  equal,
  steps,
  accumulate,
  bits,
  runtimes,
  command,
  kills,
  hosts,
  wheels,
  slurm,
}
const unknown = positionals.filter((name) => !(name in parts))
if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}`)
if (MAKES.length < 2) {
  leftOut.push(
    `${['openmpi', 'mpich'].filter((make) => !MAKES.some((one) => one === make)).join(' and ')}: apt-get install openmpi-bin libopenmpi3 mpich brings both`,
  )
}
if (MAKES.length > 0) {
  for (const [name, part] of Object.entries(parts)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    console.log(`\n=== ${name}`)
    const named = positionals.includes(name)
    await part({ test, leftOut, all: values.all, named, seed: Number(values.seed) })
  }
}
console.log('')
for (const what of leftOut) console.log(`Left out: ${what}`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
