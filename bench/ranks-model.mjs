// What many ranks would do, from what one and two did (npm run bench -- ranks):
//   node bench/ranks-model.mjs --net resnet20 --batch 1024 --cores 8 --bandwidth 10 --latency 20
// `batch` is that of all ranks together, `cores` are those of a rank, `bandwidth` is Gbit/s and `latency` µs between two.
//
// A step of R ranks takes
//   compute  batch / R · (seconds an image, on one core) / (cores · 0.9)
//   gradients, a ring of allreduce: 2 (R − 1) / R · bytes / bandwidth + 2 log₂ R · latency
//   SyncBatchNorm, for each layer: gathers R · (16 C + 8) bytes forward, and sums 16 C bytes backward: 3 log₂ R · latency
// one after the other: MPI makes progress in its calls, so little of it is hidden behind backward.
import { parseArgs } from 'node:util'

/** Measured: seconds an image on one core (docs/distributed.md); the rest is counted. */
const NETS = {
  'cnn-bn': { image: 0.0341e-3, parameters: 6530, norms: 2, channels: 22 },
  resnet20: { image: 1.88e-3, parameters: 272_474, norms: 21, channels: 784 },
}
/** What a further core gives of its speed. */
const CORE = 0.9
const RANKS = [1, 2, 8, 64, 512]

const { values } = parseArgs({
  options: {
    net: { type: 'string', default: 'resnet20' },
    batch: { type: 'string', default: '1024' },
    cores: { type: 'string', default: '8' },
    bandwidth: { type: 'string', default: '10' },
    latency: { type: 'string', default: '20' },
  },
})
const [batch, cores, bandwidth, latency] = [values.batch, values.cores, values.bandwidth, values.latency].map(
  Number,
)
const net = NETS[/** @type {keyof typeof NETS} */ (values.net)]
if (!net || !(batch >= 1 && cores >= 1 && bandwidth > 0 && latency >= 0)) {
  throw new Error(`--net is one of ${Object.keys(NETS).join(', ')}, and all else is a number above 0`)
}

/** @param {number} ranks @returns {{ compute: number, talk: number }} seconds */
function step(ranks) {
  const compute = (Math.ceil(batch / ranks) * net.image) / (cores === 1 ? 1 : cores * CORE)
  if (ranks === 1) return { compute, talk: 0 }
  const perByte = 8 / (bandwidth * 1e9)
  const hop = latency * 1e-6 * Math.log2(ranks)
  const ring = (2 * (ranks - 1)) / ranks
  const gradients = ring * 4 * net.parameters * perByte + 2 * hop
  const gathered = (ranks - 1) * (16 * net.channels + 8 * net.norms) * perByte
  const norms = gathered + ring * 16 * net.channels * perByte + 3 * hop * net.norms
  return { compute, talk: gradients + norms }
}

const alone = step(1)
const worth = (/** @type {number} */ ranks) =>
  alone.compute / (step(ranks).compute + step(ranks).talk) / ranks
console.log(`${values.net}, batch ${batch}, ranks of ${cores} cores, ${bandwidth} Gbit/s, ${latency} µs`)
console.log('ranks  images each  computes    talks   speed-up  of the ideal')
for (const ranks of RANKS) {
  const { compute, talk } = step(ranks)
  const ms = (/** @type {number} */ seconds) => `${(1000 * seconds).toFixed(2)} ms`.padStart(9)
  const each = (batch / ranks).toFixed(1).padStart(11)
  const speed = `${(alone.compute / (compute + talk)).toFixed(1)} ×`.padStart(9)
  console.log(
    `${String(ranks).padStart(5)}  ${each} ${ms(compute)} ${ms(talk)}  ${speed}  ${Math.round(100 * worth(ranks))} %`,
  )
}
const counts = Array.from({ length: 1024 }, (_, i) => i + 1)
const last = counts.findLast((ranks) => ranks <= batch && worth(ranks) >= 0.5) ?? 1
console.log(`Half of each rank is wasted from ${last + 1} ranks on.`)
