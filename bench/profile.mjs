// Where a compiled step's time goes, kernel by kernel:
//   npm run build && node bench/profile.mjs resnet20 --batch 64
// Nets are those of ours/nets.mjs. In the runtimes' Node, where this one has no relaxed SIMD (--strict: in this one).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runtimePath, takesRelaxedSimd } from '../test/runtimes/runtimes.mjs'
import { median } from './statistics.mjs'

/** @typedef {import('./ours/row-clock.mjs').Kernel} Kernel */

const USAGE = `Usage: node bench/profile.mjs NET [--batch N] [--threads N] [--steps N] [--infers] [--strict]`

/** Multiplications and additions, in twos, of the kernels that are mostly these. @param {Kernel} kernel */
function flop({ name, numbers }) {
  const { n, m, k, batch = 1, c, oc, oh, ow, kh, kw, groups = 1 } = numbers
  if (/^matmul/.test(name)) return 2 * batch * m * n * k
  if (/^conv2dBackward$/.test(name)) return (4 * n * oc * oh * ow * kh * kw * c) / groups
  if (/^conv2d/.test(name)) return (2 * n * oc * oh * ow * kh * kw * c) / groups
  return undefined
}

/** Numbers that tell a shape. @param {Kernel} kernel */
function shape({ numbers, floats, inside }) {
  const { n, m, k, batch, c, h, oc, kh, strideH, groups, t } = numbers
  if (inside.length > 0) return `${inside.join(' → ')}, ${floats} floats`
  if (oc !== undefined) {
    return `${n} × ${c}→${oc}, ${kh}×${kh}${strideH > 1 ? `, stride ${strideH}` : ''}${groups > 1 ? `, ${groups} groups` : ''}, ${h}×${h}`
  }
  if (k !== undefined && m !== undefined) return `${batch > 1 ? `${batch} × ` : ''}${m}×${k}·${k}×${n}`
  return `${t === undefined ? '' : `${t} steps, `}${floats} floats`
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      batch: { type: 'string', default: '64' },
      threads: { type: 'string', default: '1' },
      steps: { type: 'string', default: '30' },
      infers: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  })
  const [net] = positionals
  const [batch, threads, steps] = [values.batch, values.threads, values.steps].map(Number)
  if (!net || ![batch, threads, steps].every((n) => Number.isInteger(n) && n > 0)) throw new Error(USAGE)
  const relaxed = !values.strict && !takesRelaxedSimd() && runtimePath('node')
  if (relaxed) {
    const own = [fileURLToPath(import.meta.url), ...process.argv.slice(2)]
    process.exitCode = spawnSync(relaxed, own, { stdio: 'inherit' }).status ?? 1
    return
  }
  const { init } = await import('../dist/index.node.js')
  const { simd } = await init({ threads, deterministic: values.strict })
  const { netTrainer } = await import('./ours/nets.mjs')
  const { startClock } = await import('./ours/row-clock.mjs')
  const { multiplyAddPeak, rate } = await import('./ours/peak.mjs')
  const trainer = netTrainer(
    /** @type {never} */ ({ net, batch, infers: values.infers, compiled: true, folded: false }),
  )
  trainer.run(Math.max(10, steps))
  const plain = (1e6 * trainer.run(steps).seconds) / steps
  const clock = startClock()
  trainer.run(steps)
  const kernels = clock.stop()
  const peak = rate(multiplyAddPeak(simd), 20) * threads

  /** @type {Map<string, { count: number, us: number, flop: number | undefined }>} */
  const rows = new Map()
  let total = 0
  for (const kernel of kernels) {
    const key = `${kernel.name} | ${shape(kernel)}`
    const row = rows.get(key) ?? { count: 0, us: 0, flop: flop(kernel) }
    const us = 1e6 * median(kernel.seconds)
    row.count++
    row.us += us
    total += us
    rows.set(key, row)
  }
  console.log(
    `${net}, batch ${batch}, ${threads} thread${threads > 1 ? 's' : ''}, ${simd}: a step takes ${plain.toFixed(0)} µs; its ${kernels.length} kernels, each with a clock around it, ${total.toFixed(0)} µs\n`,
  )
  console.log('| kernel | shape | times | µs | % | of the peak |\n|---|---|---|---|---|---|')
  const few = [...rows].sort(([, a], [, b]) => b.us - a.us).filter(([, { us }]) => us > total / 200)
  for (const [key, { count, us, flop }] of few) {
    const share = flop === undefined ? '' : `${((100 * flop * count) / (us / 1e6) / peak).toFixed(0)} %`
    console.log(`| ${key} | ${count} | ${us.toFixed(0)} | ${((100 * us) / total).toFixed(1)} | ${share} |`)
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
