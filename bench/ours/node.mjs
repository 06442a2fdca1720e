// Our side as a process of Node, Bun or Deno: a JSON answer for each JSON line of stdin.
//   node bench/ours/node.mjs --threads 2 [--deterministic] [--nets]
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { data } from '../../dist/index.node.js'
import { startSession } from './session.mjs'
import { measureSmall } from './small.mjs'

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    deterministic: { type: 'boolean', default: false },
    // With those of nets.mjs instead of the notebook's.
    nets: { type: 'boolean', default: false },
  },
})
/** @param {unknown} answer */
const print = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)

const options = { threads: Number(values.threads), deterministic: values.deterministic }
const nets = values.nets ? await import('./nets.mjs') : undefined
const session = await startSession(options, async () => (await data.mnist()).train, nets?.netTrainer)

/** @type {Record<string, (request: never) => unknown>} */
const others = { small: measureSmall, ...(nets && { memory: nets.measureMemory }) }
print({ ready: true, ...session.backend })
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  try {
    print(await (others[request.do] ?? session.ask)(/** @type {never} */ (request)))
  } catch (error) {
    print({ error: error instanceof Error ? error.message : String(error) })
  }
}
// Bun and Deno may keep the process for its workers.
process.exit(0)
