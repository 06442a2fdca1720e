// A GRU says what two sensors will measure next, from the last 32 values: a wave, a second one that depends on
// it, and noise.
//
//   node examples/gru-sensor.mjs                  400 steps, some 3 seconds
//
// Prints the mean square error on a part of the series that it has not seen, beside that of saying "as now":
//   as now: 0.0105
//   the GRU: 0.0021
import { parseArgs } from 'node:util'
import { init, manualSeed, nn, noGrad, optim, randint, randn, stack, tensor } from 'simdgrad'
import { SensorGRU } from './nets/sensor-gru.mjs'

const { values } = parseArgs({ options: { steps: { type: 'string', default: '400' } } })
const [LENGTH, WINDOW, BATCH, NOISE] = [4000, 32, 32, 0.03]

await init()
manualSeed(0)
const noise = randn([LENGTH, 2]).mul(NOISE).toFloat32Array()
const series = tensor(
  Array.from({ length: LENGTH }, (_, t) => {
    const wave = Math.sin(t / 5) * Math.sin(t / 61)
    return [wave + noise[2 * t], wave * Math.abs(wave) + noise[2 * t + 1]]
  }),
)

/**
 * Windows that start there, and what comes after each.
 *
 * @param {ArrayLike<number>} starts
 */
function windows(starts) {
  const all = Array.from(starts)
  const x = stack(all.map((at) => series.slice(0, at, at + WINDOW)))
  const y = stack(all.map((at) => series.slice(0, at + WINDOW, at + WINDOW + 1).reshape([2])))
  return { x, y }
}

const net = new SensorGRU()
const optimizer = new optim.Adam(net.parameters(), { lr: 1e-2 })
const schedule = new optim.lrScheduler.OneCycleLR(optimizer, 1e-2, { totalSteps: Number(values.steps) })
const loss = new nn.MSELoss()
const seen = LENGTH - 600
for (let step = 0; step < Number(values.steps); step++) {
  const { x, y } = windows(randint(0, seen - WINDOW, [BATCH]).toFloat32Array())
  const value = loss.forward(net.forward(x), y)
  optimizer.zeroGrad()
  value.backward()
  optimizer.step()
  schedule.step()
}

net.eval()
const { x, y } = windows(Array.from({ length: 500 }, (_, i) => seen + i))
const errors = noGrad(() => ({
  now: loss.forward(x.slice(1, -1).squeeze(1), y).item(),
  net: loss.forward(net.forward(x), y).item(),
}))
console.log(`as now: ${errors.now.toFixed(4)}`)
console.log(`the GRU: ${errors.net.toFixed(4)}`)
