// What a world does with tensors, checked in every rank; prints "right" in rank 0.
//   mpirun -n 4 node test/mpi/jobs/world.mjs
import assert from 'node:assert/strict'
import { compile, init, memory, nn, tensor, zeros } from 'simdgrad'
import { DistributedDataParallel, MPIError, mpi } from 'simdgrad/distributed'
import { NETS } from './nets.mjs'

await init({ threads: 1 })
const world = await mpi({ size: Number(process.argv[2]) })
const { rank, size } = world
assert.equal(await mpi(), world)
const ranks = Array.from({ length: size }, (_, r) => r)
const sum = ranks.reduce((a, b) => a + b, 0)

for (const [op, expected] of /** @type {const} */ ([
  ['sum', sum + size],
  ['avg', (sum + size) / size],
  ['max', size],
  ['min', 1],
  ['product', ranks.reduce((a, b) => a * (b + 1), 1)],
])) {
  const x = tensor([[rank + 1, -1]])
  assert.equal(world.allreduce(x, { op }), x)
  assert.equal(x.at(0, 0).item(), expected, op)
}
assert.deepEqual(
  world.allgather(tensor([[rank, 10 + rank]])).toArray(),
  ranks.map((r) => [[r, 10 + r]]),
)
assert.deepEqual(world.broadcast(tensor([rank, 5]), { src: size - 1 }).toArray(), [size - 1, 5])
world.barrier()

// In a compiled step, of values that the step has made; and in memory that has grown meanwhile.
const step = compile((/** @type {import('simdgrad').Tensor} */ x) => world.allreduce(x.mul(2)))
for (let i = 0; i < 5; i++) assert.equal(step(tensor([i + rank])).item(), 2 * (size * i + sum))
assert.ok(step.report.replayed > 1, step.report.reason)
const before = memory().wasmBytes
const large = zeros([before / 4 + 1000])
assert.ok(memory().wasmBytes > before)
assert.equal(world.allreduce(large.fill_(1)).max().item(), size)
assert.equal(step(tensor([1 + rank])).item(), 2 * (size + sum))

// Every rank hears of nets that differ.
const net = NETS[rank === size - 1 ? 'mlp' : 'cnn-bn']()
assert.throws(
  () => new DistributedDataParallel(net, world),
  (error) =>
    error instanceof MPIError &&
    error.code === 'ranks-differ' &&
    /parameter or buffer 0: /.test(error.message),
)

const half = NETS.mlp()
if (rank === size - 1) half.parameters()[0].requiresGrad = false
assert.throws(() => new DistributedDataParallel(half, world), /parameter or buffer 0: rank .*/)
half.requiresGrad_()
const options = { bucketCapMb: rank === size - 1 ? 1 : 2 }
assert.throws(
  () => new DistributedDataParallel(half, world, options),
  /MPIError|make the same net in all ranks/,
)

// Gradients that were kept back are those of the larger batch.
const linear = new DistributedDataParallel(new nn.Linear(2, 1, { bias: false }), world)
const loss = new nn.MSELoss()
/** @param {number[][]} rows */
const backward = (rows) => loss.forward(linear.forward(tensor(rows)), zeros([rows.length, 1])).backward()
const weight = /** @type {nn.Parameter} */ (linear.parameters()[0])
weight.copy_(tensor([[1, 1]]))
linear.noSync(() => backward([[rank, 1]]))
assert.deepEqual(weight.grad?.toArray(), [[2 * rank * (rank + 1), 2 * (rank + 1)]])
backward([[rank, 1]])
const means = [0, 1].map((i) => ranks.reduce((a, r) => a + 4 * (r + 1) * (i === 0 ? r : 1), 0) / size)
const got = weight.grad?.toFloat32Array() ?? []
for (const i of [0, 1]) assert.ok(Math.abs(got[i] - means[i]) < 1e-4, `${got} and ${means}`)
world.barrier()
if (rank === 0) console.log('right')
world.finalize()
assert.throws(
  () => world.barrier(),
  (error) => error instanceof MPIError && error.code === 'finalized',
)
