// A process of `npm run fuzz`: the programs of a row of seeds on one binary. main.mjs starts it, with an IPC
// channel, and starts another one behind a seed that ends it.
//   node test/fuzz/child.mjs <binary> <first seed> <programs> <failures to shrink>
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'

const [binary, ...numbers] = process.argv.slice(2)
const [first, programs, toShrink] = numbers.map(Number)
const root = fileURLToPath(new URL('../..', import.meta.url))

// Vite runs the sources as the tests do, without a build.
const server = await createServer({
  root,
  configFile: false,
  appType: 'custom',
  logLevel: 'error',
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
  resolve: { alias: { simdgrad: `${root}src/index.node.ts` } },
})
const loaded = await server.ssrLoadModule('/test/fuzz/run.ts')
const { runSeed, explain, start } = /** @type {typeof import('./run.js')} */ (loaded)

/** @param {Record<string, unknown>} message */
const tell = (message) => process.send?.(message)

await start(binary)
let shrunk = 0
for (let seed = first; seed < first + programs; seed++) {
  tell({ begin: seed })
  const outcome = runSeed(seed)
  const found =
    outcome.result === 'failed' && shrunk++ < toShrink ? explain(seed, outcome, binary) : undefined
  const message = outcome.result === 'failed' ? outcome.failure.message : undefined
  tell({ end: seed, result: outcome.result, message, found })
  // A trap may leave the wasm instance damaged: what fails after it would say nothing.
  if (outcome.result === 'failed' && outcome.failure.kind === 'throws RuntimeError') break
  // Garbage collection of tensors needs turns of the event loop.
  if (seed % 10 === 0) await setImmediate()
}
await server.close()
process.disconnect?.()
process.exit(0)
