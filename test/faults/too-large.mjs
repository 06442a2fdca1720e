// What too-large.test.ts looks at, each call in a process of its own, on the built package:
//   node test/faults/too-large.mjs <call> <threads> <times>
// Asks for more memory than there can be, some times over. Prints as JSON what came of it, and whether all is as
// before: a tensor from before keeps its values, and a product that both threads work at is right.
import { arange, cat, full, init, nn, ones, rand, randn, SimdgradError, tensor, zeros } from 'simdgrad'
import { outcome } from '../support/limit-memory.mjs'

const [call, threads, times] = process.argv.slice(2)
await init({ threads: Number(threads) })
const { functional } = nn

/** @type {Record<string, () => unknown>} */
const CALLS = {
  // Sizes in bytes that are little or nothing modulo 2³².
  full: () => full([2 ** 30 + 1], 7),
  'full, of 4 GiB': () => full([2 ** 30], 7),
  'full, of 2 GiB': () => full([2 ** 29], 7),
  zeros: () => zeros([2 ** 40]),
  'zeros, beyond whole numbers': () => zeros([2 ** 53 - 1, 2 ** 53 - 1]),
  ones: () => ones([2 ** 15, 2 ** 15, 4]),
  rand: () => rand([2 ** 31]),
  randn: () => randn([2 ** 30 + 3]),
  arange: () => arange(2 ** 32 + 5),
  Linear: () => new nn.Linear(2 ** 16, 2 ** 16),
  Conv2d: () => new nn.Conv2d(2 ** 12, 2 ** 12, 9),
  BatchNorm1d: () => new nn.BatchNorm1d(2 ** 31),
  // Results that are larger than their inputs.
  add: () => ones([50_000]).add(ones([50_000, 1])),
  sub: () =>
    randn([65_536])
      .sub(randn([65_536, 1]))
      .pow(2)
      .mean()
      .item(),
  mul: () => ones([30_000, 1]).mul(ones([30_000])),
  div: () => ones([2 ** 16, 1]).div(ones([1, 2 ** 15])),
  maximum: () =>
    ones([2048, 1, 1])
      .maximum(ones([2048, 1]))
      .maximum(ones([2048])),
  'add, with a gradient': () =>
    tensor(new Float32Array(50_000), { requiresGrad: true }).add(ones([50_000, 1])),
  matmul: () => ones([65_536, 1]).matmul(ones([1, 65_536])),
  'matmul, of 3.6 GB': () => ones([30_000, 1]).matmul(ones([1, 30_000])),
  'matmul, of batches': () => ones([512, 1, 64, 2]).matmul(ones([512, 2, 64])),
  linear: () => functional.linear(ones([65_536, 1]), ones([65_536, 1])),
  conv2d: () => functional.conv2d(ones([1, 1, 1024, 1024]), ones([2048, 1, 1, 1])),
  'conv2d, of 3 GB': () => functional.conv2d(ones([1, 1, 1024, 1024]), ones([750, 1, 1, 1])),
  cat() {
    const part = zeros([2 ** 24])
    return cat(Array.from({ length: 256 }, () => part))
  },
}

const before = tensor([1, 2, 3])
const hole = zeros([1])
const kept = tensor([1, 2, 3])
hole.dispose()

/** @type {unknown[]} */
const outcomes = []
for (let i = 0; i < Number(times); i++) outcomes.push(outcome(() => typeof CALLS[call](), SimdgradError))

const isRamp = (/** @type {typeof kept} */ x) => x.toFloat32Array().join() === '1,2,3'
const product = outcome(
  () =>
    ones([500, 500])
      .matmul(ones([500, 500]))
      .toFloat32Array()
      .every((value) => value === 500),
  SimdgradError,
)
const sum = outcome(() => ones([300_000]).add(1).sum().item() === 600_000, SimdgradError)
console.log(JSON.stringify({ outcomes, kept: isRamp(before) && isRamp(kept), product, sum }))
