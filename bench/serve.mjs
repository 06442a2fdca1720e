// The service of examples/serve under load, on loopback, and beside it the same service with onnxruntime-node on the same
// net, exported by PyTorch:
//   npm run build && npm ci --prefix bench && node bench/serve.mjs [--seconds 5] [--rounds 3] [--workers 1]
//   npm install --prefix bench --no-save --ignore-scripts onnxruntime-node     for the other side (200 MB)
// Prints requests a second, and the milliseconds that half and 99 of 100 of them take at most, at 1, 8 and 64 clients. Server
// and load generator (autocannon) share the machine; both sides take turns, and figures are medians of the rounds.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { trainDigits } from '../examples/serve/train.mjs'
import { here } from './environment.mjs'
import { needed } from './optional.mjs'
import { median } from './statistics.mjs'

const CLIENTS = [1, 8, 64]

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    workers: { type: 'string', default: '1' },
  },
})
const [seconds, rounds, workers] = [values.seconds, values.rounds, values.workers].map(Number)
const { default: autocannon } = await needed('autocannon')
const folder = mkdtempSync(join(tmpdir(), 'simdgrad-bench-serve-'))
const weights = join(folder, 'net.safetensors')
await trainDigits(weights)

/** A server in a process of its own. @param {string} engine @param {string} file */
async function start(engine, file) {
  const child = spawn(process.execPath, [here('ours/serve.mjs'), engine, file, String(workers)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value } = await lines.next()
  if (!value) throw new Error(`${engine}: the server did not start`)
  const stop = async () => {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return {
    engine,
    url: `http://127.0.0.1:${value}/predict`,
    stop,
    samples: new Map(CLIENTS.map((n) => [n, /** @type {number[][]} */ ([])])),
  }
}

const servers = [await start('simdgrad', weights)]
try {
  createRequire(import.meta.url).resolve('onnxruntime-node')
  const onnx = join(folder, 'net.onnx')
  const python = process.env.SIMDGRAD_PYTHON ?? 'python3'
  execFileSync(python, [here('peers/serve_onnx.py'), weights, onnx], { stdio: ['ignore', 'ignore', 'pipe'] })
  servers.push(await start('onnxruntime-node', onnx))
} catch (error) {
  const why = error instanceof Error ? error.message.trim().split('\n').at(-1) : error
  console.log(
    `Left out: onnxruntime-node: ${why}; it needs the package (see above) and a Python with PyTorch`,
  )
}

const body = Buffer.from(Float32Array.from({ length: 784 }, (_, i) => ((i * 37) % 200) / 100 - 1).buffer)
try {
  const answers = await Promise.all(
    servers.map(async ({ url }) => {
      const headers = { 'content-type': 'application/octet-stream' }
      return (await fetch(url, { method: 'POST', body, headers })).json()
    }),
  )
  const [ours, theirs] = answers.map(({ answer }) => answer)
  const apart =
    theirs &&
    Math.max(...ours.map((/** @type {number} */ v, /** @type {number} */ i) => Math.abs(v - theirs[i])))
  if (theirs)
    console.log(
      `both give the same within ${apart.toExponential(1)} (the largest is ${Math.max(...ours.map(Math.abs)).toFixed(1)})`,
    )
  for (let round = -1; round < rounds; round++) {
    for (const clients of CLIENTS) {
      for (const { url, samples } of servers) {
        /** Milliseconds of each answer. @type {number[]} */
        const times = []
        const run = autocannon({
          url,
          method: 'POST',
          body,
          headers: { 'content-type': 'application/octet-stream' },
          connections: clients,
          // The first round warms up.
          duration: round < 0 ? 2 : seconds,
        })
        // (Its own histogram is of whole milliseconds.)
        run.on(
          'response',
          (
            /** @type {unknown} */ _,
            /** @type {number} */ __,
            /** @type {number} */ ___,
            /** @type {number} */ time,
          ) => {
            times.push(time)
          },
        )
        const result = await run
        if (result.errors + result.non2xx > 0)
          throw new Error(`${url}: ${result.errors} errors, ${result.non2xx} not 200`)
        times.sort((a, b) => a - b)
        const share = (/** @type {number} */ part) =>
          times[Math.min(times.length - 1, Math.floor(part * times.length))]
        if (round >= 0) samples.get(clients)?.push([result.requests.average, share(0.5), share(0.99)])
      }
    }
  }
  console.log(`${workers} worker${workers > 1 ? 's' : ''}, ${rounds} rounds of ${seconds} s`)
  console.log('clients  engine             requests/s   p50, ms   p99, ms')
  for (const clients of CLIENTS) {
    for (const { engine, samples } of servers) {
      const all = samples.get(clients) ?? []
      const [rate, p50, p99] = [0, 1, 2].map((i) => median(all.map((one) => one[i])))
      const cells = [rate.toFixed(0).padStart(10), p50.toFixed(2).padStart(9), p99.toFixed(2).padStart(9)]
      console.log(`${String(clients).padStart(7)}  ${engine.padEnd(17)} ${cells.join(' ')}`)
    }
  }
} finally {
  for (const { stop } of servers) await stop()
  rmSync(folder, { recursive: true })
}
