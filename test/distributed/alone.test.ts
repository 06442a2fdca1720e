/** What simdgrad/distributed does in a process that was started alone, and what it says. Several are in test/mpi. */
import { availableParallelism } from 'node:os'
import {
  data,
  fit,
  hashState,
  manualSeed,
  nn,
  noGrad,
  optim,
  randn,
  type Tensor,
  tensor,
  zeros,
} from 'simdgrad'
import { DistributedDataParallel, DistributedSampler, MPIError, mpi, World } from 'simdgrad/distributed'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { alone, type Communicator } from '../../src/distributed/communicator.js'
import { launcherOf } from '../../src/distributed/launcher.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
beforeEach(() => manualSeed(0))

describe('launcherOf', () => {
  it.each([
    [{ OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_SIZE: '2', PMIX_RANK: '0' }, 'Open MPI', 4, 2],
    [{ PMI_RANK: '1', PMI_SIZE: '3', MPI_LOCALNRANKS: '3' }, 'MPICH', 3, 3],
    [{ PMI_RANK: '1', PMI_SIZE: '3', SLURM_PROCID: '1' }, undefined, 3, undefined],
    [{ PMIX_RANK: '0', SLURM_PROCID: '0', SLURM_NTASKS: '8' }, undefined, 8, undefined],
  ])('tells who started it, by %o', (env, make, size, localSize) => {
    expect(launcherOf(env)).toMatchObject({ make, size, localSize })
  })

  it.each([
    ['0', '2', 2],
    ['1', '4(x2),3', 4],
    ['2', '4(x2),3', 3],
    ['3', '4(x2),3', undefined],
    ['0', '', undefined],
  ])("knows how many of srun's tasks are on machine %s of %s", (node, tasks, localSize) => {
    const env = { SLURM_PROCID: '0', SLURM_NODEID: node, SLURM_STEP_TASKS_PER_NODE: tasks }
    const step = { SLURM_STEP_NUM_TASKS: '11', SLURM_NTASKS: '16' }
    expect(launcherOf({ ...env, ...step, PMIX_RANK: '0' })).toMatchObject({ size: 11, localSize })
    // An Open MPI that speaks PMI-2 is rare.
    const pmi2 = launcherOf({ ...env, ...step, PMI_RANK: '0', PMI_SIZE: '11' })
    expect(pmi2).toMatchObject({ size: 11, localSize, prefers: ['MPICH', 'Open MPI'] })
  })

  it('knows a process that was started alone, and a task of srun without MPI', () => {
    expect(launcherOf({ SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '1' })).toBeUndefined()
    expect(launcherOf({ PMI_RANK: '' })).toBeUndefined()
    expect(() => launcherOf({ SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '2' })).toThrow(MPIError)
  })
})

describe('a world of one', () => {
  it('is what mpi() gives, always the same', async () => {
    const world = await mpi()
    expect([world.rank, world.size, world.library, world.shards]).toEqual([0, 1, undefined, 0])
    expect(await mpi({ size: 1 })).toBe(world)
    await expect(mpi({ size: 2 })).rejects.toMatchObject({ code: 'other-size' })
    await expect(mpi({ deterministic: true })).rejects.toThrow(/has one world, made by the first call/)
    await expect(mpi({ shards: 4 })).rejects.toThrow(/give deterministic: true, too/)
    await expect(mpi({ librari: '' } as object)).rejects.toThrow(/unknown option 'librari'/)
    await expect(mpi({ library: '' })).rejects.toThrow(/library is the path of the MPI library/)
  })

  it('leaves tensors as they are', async () => {
    const world = await mpi()
    const x = tensor([[1, 2]])
    expect(world.allreduce(x, { op: 'avg' })).toBe(x)
    expect(world.broadcast(x)).toBe(x)
    expect(world.allgather(x).toArray()).toEqual([[[1, 2]]])
    world.barrier()
    expect(() => world.allreduce([1] as unknown as Tensor)).toThrow(/expected a tensor, got an array/)
    expect(() => world.allreduce(x, { op: 'mean' as 'avg' })).toThrow(/op is one of sum, avg/)
    expect(() => world.broadcast(x, { src: 1 })).toThrow(/src is a whole number from 0 to 0, got 1/)
  })

  it('trains as without, to the bit', async () => {
    const world = await mpi()
    const train = async (wrapped: boolean) => {
      manualSeed(1)
      const net = new nn.Sequential(
        new nn.Linear(4, 8),
        new nn.BatchNorm1d(8),
        new nn.ReLU(),
        new nn.Linear(8, 3),
      )
      const set = new data.TensorDataset(randn([50, 4]), tensor(Array.from({ length: 50 }, (_, i) => i % 3)))
      const together = wrapped ? new DistributedDataParallel(nn.SyncBatchNorm.convert(net), world) : undefined
      const loss = new nn.CrossEntropyLoss()
      const history = await fit(together ?? net, {
        train: new data.DataLoader(wrapped ? new DistributedSampler(set, world) : set, {
          batchSize: 8,
          shuffle: true,
        }),
        optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
        loss: together?.loss(loss) ?? loss,
        epochs: 2,
      })
      const [{ trainAcc, trainLoss }] = history.epochs
      return [await hashState(net.stateDict()), trainAcc, trainLoss, history.compiled]
    }
    expect(await train(true)).toEqual(await train(false))
    expect(availableParallelism()).toBeGreaterThan(0)
  })
})

describe('DistributedSampler', () => {
  const set = new (class {
    length = 11
    get = (index: number) => [tensor([index]), index]
  })()
  const worldOf = (rank: number, size: number, shards = 0) =>
    new World({ ...alone(), rank, size } as Communicator, { shards })

  it.each([
    [4, 4, 0],
    [3, 4, 0],
    [4, 8, 8],
    [2, 3, 8],
    [5, 11, 0],
  ])('gives %i ranks each sample once, of batches of %i (shards: %i)', (size, batchSize, shards) => {
    const passes = Array.from({ length: size }, (_, rank) => {
      manualSeed(5)
      const loader = new data.DataLoader(new DistributedSampler(set, worldOf(rank, size, shards)), {
        batchSize,
        shuffle: true,
      })
      return [...loader].map(([x]) => (x.size === 0 ? [] : x.toArray()) as number[][])
    })
    manualSeed(5)
    const whole = [...new data.DataLoader(set, { batchSize, shuffle: true })].map(([x]) => x.toArray())
    expect(passes.map(({ length }) => length)).toEqual(passes.map(() => whole.length))
    expect(whole.map((_, i) => passes.flatMap((batches) => batches[i]))).toEqual(whole)
  })

  it('gives what looks like samples where there is none for a rank', () => {
    const loader = new data.DataLoader(new DistributedSampler(set, worldOf(3, 4)), { batchSize: 9 })
    expect([...loader].map((batch) => batch.map(({ shape }) => shape))).toEqual([
      [[2, 1], [2]],
      [[0, 1], [0]],
    ])
  })

  it('says what can not be', () => {
    expect(() => new DistributedSampler({} as data.Dataset, worldOf(0, 1))).toThrow(/expected a dataset/)
    expect(() => new DistributedSampler(set, {} as World)).toThrow(/expected the world that mpi\(\) gives/)
  })
})

describe('DistributedDataParallel', () => {
  const one = () => new World(alone(), {})
  const shards = () => new World(alone(), { shards: 4 })
  const loss = new nn.MSELoss()

  it('says what can not be', () => {
    const net = new nn.Linear(2, 1)
    expect(() => new DistributedDataParallel({} as nn.Linear, one())).toThrow(
      /expected a Module, got an object/,
    )
    expect(() => new DistributedDataParallel(net, {} as World)).toThrow(/expected the world/)
    expect(() => new DistributedDataParallel(net, one(), { bucketCapMb: -1 })).toThrow(
      /bucketCapMb is a number/,
    )
    expect(() => new DistributedDataParallel(new nn.ReLU(), one())).toThrow(/no parameter that is trained/)
    expect(() => new DistributedDataParallel(new nn.BatchNorm1d(2), shards())).toThrow(
      /BatchNorm1d \(\) does not; nn.SyncBatchNorm.convert/,
    )
    const together = new DistributedDataParallel(net, one())
    expect(() => together.loss({} as typeof loss)).toThrow(/expected something with a forward/)
    expect(() => together.noSync(async () => {})).toThrow(/asynchronous/)
    expect(() => together.noSync(1 as unknown as () => void)).toThrow(/expected a function/)
  })

  it('says that a parameter was frozen', () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1))
    net.at(0)?.requiresGrad_(false)
    const together = new DistributedDataParallel(net, one())
    together.forward(randn([3, 2]))
    net.requiresGrad_()
    expect(() => together.forward(randn([3, 2]))).toThrow(/a parameter is trained that was frozen/)
  })

  it('gives the gradient of the whole batch in shards, also where some have a sample more, and adds to what is there', () => {
    const net = new nn.Sequential(
      new nn.Linear(3, 4),
      new nn.BatchNorm1d(4),
      new nn.Tanh(),
      new nn.Linear(4, 2),
    )
    const [x, y] = [randn([10, 3]), randn([10, 2])]
    const grads = () => net.parameters().map(({ grad }) => [...(grad?.toFloat32Array() ?? [])])
    loss.forward(net.forward(x), y).backward()
    const expected = grads()
    net.zeroGrad()
    const together = new DistributedDataParallel(nn.SyncBatchNorm.convert(net), shards())
    const own = together.loss(loss)
    for (const times of [1, 2]) {
      // 10 samples in 4 shards: 3, 3, 2 and 2.
      const prediction = together.forward(x)
      expect(prediction.shape).toEqual([10, 2])
      own.forward(prediction, y).backward()
      for (const [i, grad] of grads().entries()) {
        for (const [k, value] of grad.entries()) expect(value).toBeCloseTo(times * expected[i][k], 5)
      }
    }
  })

  it('has means, sums and shapes of each shard’s own size, or says that it does not know', () => {
    class Means extends nn.Module<[x: Tensor]> {
      readonly layer = new nn.Linear(6, 4)
      constructor(readonly then: (y: Tensor) => Tensor) {
        super()
      }
      override forward(x: Tensor) {
        return this.then(this.layer.forward(x.reshape([x.shape[0], 6])))
      }
    }
    const thens: ((y: Tensor) => Tensor)[] = [
      (y) =>
        y
          .reshape([y.shape[0], 2, 2])
          .mean({ dim: [1, 2], keepdim: true })
          .flatten(1),
      (y) => y.max({ dim: 1 }).reshape([-1, 1]),
      (y) => y.sum({ dim: 1, keepdim: true }).add(y.slice(0, 0, 2).mean()),
    ]
    const [x, y] = [randn([10, 2, 3]), randn([10, 1])]
    for (const [i, then] of thens.entries()) {
      const net = new Means(then)
      loss.forward(net.forward(x), y).backward()
      const expected = [...(net.layer.weight.grad?.toFloat32Array() ?? [])]
      net.zeroGrad()
      const together = new DistributedDataParallel(net, shards())
      const backward = () => together.loss(loss).forward(together.forward(x), y).backward()
      if (i === 2) {
        expect(backward).toThrow(/with which 'slice' is not known to be right; take a batch size/)
        continue
      }
      backward()
      const grads = net.layer.weight.grad?.toFloat32Array() ?? []
      for (const [k, value] of grads.entries()) expect(value).toBeCloseTo(expected[k], 5)
    }
  })

  it('tells in a forward what deterministic training can not do', () => {
    class Reads extends nn.Module<[x: Tensor]> {
      readonly layer = new nn.Linear(2, 1)
      constructor(readonly look: (x: Tensor) => unknown) {
        super()
      }
      override forward(x: Tensor) {
        const y = this.layer.forward(x)
        this.look(y)
        return y
      }
    }
    const forward = (look: (x: Tensor) => unknown) =>
      new DistributedDataParallel(new Reads(look), shards()).forward(randn([8, 2]))
    const kept = zeros([2, 1])
    for (const look of [
      (y: Tensor) => y.toArray(),
      (y: Tensor) => y.sum().item(),
      (y: Tensor) => kept.copy_(y),
    ]) {
      expect(() => forward(look)).toThrow(
        /a tensor in it stands for all of them: its values can not be read there/,
      )
    }
    const own = (y: Tensor) =>
      nn.functional.batchNorm(y, { runningMean: zeros([1]), runningVar: zeros([1]), training: true })
    expect(() => forward(own)).toThrow(/which batch norm in training \(nn.SyncBatchNorm.convert/)
    expect(forward((y) => y.detach().mul(2)).shape).toEqual([8, 1])
    const net = new DistributedDataParallel(new nn.Linear(2, 1), shards())
    expect(() => net.loss(loss).forward(randn([8, 1]), randn([8, 1]))).toThrow(
      /is of what this net has given/,
    )
    expect(noGrad(() => net.eval().forward(randn([3, 2]))).shape).toEqual([3, 1])
  })
})
