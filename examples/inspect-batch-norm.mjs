// What inspectBatchNorm finds in nets that were trained with a fault, and what it says about healthy ones: misses and
// false alarms, counted.
//
//   node examples/inspect-batch-norm.mjs                  some two minutes
//   node examples/inspect-batch-norm.mjs --images 1600 --seeds 1
//
// Prints a line for each net, and:
//   22 of 22 faults found, 0 of 20 healthy nets with an alarm
import { parseArgs } from 'node:util'
import { data, init, inspectBatchNorm, manualSeed } from 'simdgrad'
import { FAULTS, HEALTHY, healthyCase } from './shared/batch-norm-faults.mjs'
import { first } from './shared/mnist.mjs'

const { values } = parseArgs({
  options: { images: { type: 'string', default: '3200' }, seeds: { type: 'string', default: '1' } },
})
await init()
const { train, test } = await data.mnist()
const digits = { train: first(train, Number(values.images)), test: first(test, 1000) }
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed)

let [found, faults, alarms, healthy] = [0, 0, 0, 0]
for (const seed of seeds) {
  for (const [name, code, make] of FAULTS) {
    manualSeed(seed)
    const { net, data: batches } = await make(digits)
    const { advice } = await inspectBatchNorm(net, batches)
    const codes = advice.map((one) => one.code)
    faults++
    if (codes.includes(code)) found++
    console.log(`${codes.includes(code) ? 'found ' : 'MISSED'}  ${name}: ${codes.join(', ') || 'nothing'}`)
  }
  for (const one of HEALTHY) {
    const { net, data: batches } = await healthyCase(digits, [one[0], one[1] + 100 * seed, one[2], one[3]])
    const { advice } = await inspectBatchNorm(net, batches)
    healthy++
    if (advice.length > 0) alarms++
    console.log(
      `${advice.length > 0 ? 'ALARM ' : 'silent'}  ${one[0]}: ${advice.map(({ code }) => code).join(', ') || 'nothing'}`,
    )
  }
}
console.log(`\n${found} of ${faults} faults found, ${alarms} of ${healthy} healthy nets with an alarm`)
