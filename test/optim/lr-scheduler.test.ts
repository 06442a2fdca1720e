import { ArgumentError, nn, ones, optim, StateDictError, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { cosPi } from '../../src/optim/lr-scheduler/cosine.js'
import { readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

const { lrScheduler } = optim

interface Case {
  name: string
  type: string
  arguments: unknown[]
  optimizer: 'SGD' | 'Adam' | 'RMSprop'
  metrics: number[] | null
  /** Of both groups, at first and after each of 30 steps. */
  rates: [number, number][]
  momenta: [number, number][] | null
}

const cases = readFixture<Case[]>('schedulers.json').map((each) => [each.name, each] as const)

const LAMBDAS: Record<string, (epoch: number) => number> = {
  '0.95 ** epoch': (epoch) => 0.95 ** epoch,
  '1 / (1 + epoch)': (epoch) => 1 / (1 + epoch),
}

beforeAll(initForTest)

const parameter = () => new nn.Parameter(ones([1]))

function makeOptimizer(kind: Case['optimizer'] = 'SGD'): optim.Optimizer {
  return new optim[kind]([{ params: [parameter()] }, { params: [parameter()], lr: 0.02 }], { lr: 0.1 })
}

function makeScheduler(
  type: string,
  args: unknown[],
  optimizer: optim.Optimizer,
): optim.lrScheduler.LRScheduler {
  const resolved = (arg: unknown): unknown => {
    if (Array.isArray(arg)) return arg.map(resolved)
    if (typeof arg !== 'object' || arg === null) return arg
    if ('lambda' in arg) return LAMBDAS[String(arg.lambda)]
    if (!('scheduler' in arg)) return arg
    const [kind, inner] = arg.scheduler as [string, unknown[]]
    return makeScheduler(kind, inner, optimizer)
  }
  return Reflect.construct(Reflect.get(lrScheduler, type), [optimizer, ...args.map(resolved)])
}

const momentumOf = (group: object) =>
  'betas' in group ? (group.betas as number[])[0] : (group as { momentum: number }).momentum

function expectNear(found: readonly number[], expected: readonly number[], what: string) {
  for (const [i, value] of expected.entries()) {
    const near = Math.abs(found[i] - value) <= 1e-12 + 1e-10 * Math.abs(value)
    expect(near, `${what}, group ${i}: ${found[i]} instead of ${value}`).toBe(true)
  }
}

describe.each(cases)('%s', (_, { type, arguments: args, optimizer: kind, metrics, rates, momenta }) => {
  const check = (optimizer: optim.Optimizer, i: number) => {
    const groups = optimizer.paramGroups
    expectNear(
      groups.map(({ lr }) => lr),
      rates[i],
      `after ${i} steps`,
    )
    if (momenta) expectNear(groups.map(momentumOf), momenta[i], `momentum after ${i} steps`)
  }

  it("has PyTorch's learning rates over 30 steps", () => {
    const optimizer = makeOptimizer(kind)
    const scheduler = makeScheduler(type, args, optimizer)
    check(optimizer, 0)
    for (let i = 1; i <= 30; i++) {
      scheduler.step(metrics?.[i - 1])
      check(optimizer, i)
      expect(scheduler.getLastLr()).toEqual(optimizer.paramGroups.map(({ lr }) => lr))
    }
  })

  it.each([0, 1, 12])('goes on from its state dict after %i steps, through JSON', (steps) => {
    const first = makeOptimizer(kind)
    const scheduler = makeScheduler(type, args, first)
    for (let i = 1; i <= steps; i++) scheduler.step(metrics?.[i - 1])
    const saved = JSON.parse(JSON.stringify(scheduler.stateDict()))
    const second = makeOptimizer(kind)
    const again = makeScheduler(type, args, second)
    second.loadStateDict(first.stateDict())
    again.loadStateDict(saved)
    expect(again.getLastLr()).toEqual(scheduler.getLastLr())
    for (let i = steps + 1; i <= 30; i++) {
      again.step(metrics?.[i - 1])
      check(second, i)
    }
  })
})

describe('schedulers', () => {
  it('of one optimiser multiply', () => {
    const optimizer = makeOptimizer()
    const [a, b] = [new lrScheduler.ExponentialLR(optimizer, 0.5), new lrScheduler.StepLR(optimizer, 2)]
    for (const scheduler of [a, b, a, b]) scheduler.step()
    expectNear(
      optimizer.paramGroups.map(({ lr }) => lr),
      [0.1 * 0.25 * 0.1, 0.02 * 0.25 * 0.1],
      'rates',
    )
  })

  it('have state dicts under PyTorch’s names', () => {
    const optimizer = makeOptimizer()
    expect(new lrScheduler.StepLR(optimizer, 3).stateDict()).toEqual({
      ...{
        step_size: 3,
        gamma: 0.1,
        base_lrs: [0.1, 0.02],
        last_epoch: 0,
        _step_count: 1,
        _last_lr: [0.1, 0.02],
      },
    })
    expect(Object.keys(new lrScheduler.CosineAnnealingLR(optimizer, 3).stateDict())).toContain('T_max')
    const keys = Object.keys(new lrScheduler.CosineAnnealingWarmRestarts(optimizer, 3).stateDict())
    expect(keys).toEqual(expect.arrayContaining(['T_0', 'T_i', 'T_mult', 'T_cur', 'eta_min']))
    expect(new lrScheduler.MultiStepLR(optimizer, [3, 3]).stateDict().milestones).toEqual({ 3: 2 })
    expect(new lrScheduler.LambdaLR(optimizer, () => 1).stateDict().lr_lambdas).toEqual([null, null])
    expect(new lrScheduler.ReduceLROnPlateau(optimizer).stateDict()).toMatchObject({
      ...{ best: Number.POSITIVE_INFINITY, min_lrs: [0, 0], num_bad_epochs: 0, cooldown_counter: 0 },
    })
  })

  it.each([
    [{ step_size: 0 }, /stepSize/],
    [{ gamma: 'x' }, /gamma/],
    [{ last_epoch: 0.5 }, /last_epoch/],
    [{ base_lrs: [0.1] }, /base_lrs is a list of 2/],
    [{ _last_lr: 0.1 }, /_last_lr is a list of 2/],
    [{ T_max: 3 }, /unexpected: T_max/],
    [{ gamma: undefined }, /missing: gamma/],
  ])('refuse a state dict that does not fit, and change nothing: %o', (change, message) => {
    const scheduler = new lrScheduler.StepLR(makeOptimizer(), 3)
    const before = scheduler.stateDict()
    const load = () => scheduler.loadStateDict({ ...before, ...change })
    expect(load).toThrow(StateDictError)
    expect(load).toThrow(message)
    expect(scheduler.stateDict()).toEqual(before)
  })

  it('in a sequence load all their states, or none', () => {
    const make = () => {
      const optimizer = makeOptimizer()
      const parts = [new lrScheduler.ExponentialLR(optimizer, 0.5), new lrScheduler.StepLR(optimizer, 2)]
      return new lrScheduler.SequentialLR(optimizer, parts, [3])
    }
    const scheduler = make()
    const before = scheduler.stateDict()
    const other = make()
    other.step()
    const state = other.stateDict() as { _schedulers: Record<string, unknown>[]; _milestones: number[] }
    state._schedulers[1].gamma = -1
    expect(() => scheduler.loadStateDict(state)).toThrow(/StepLR.*gamma/)
    expect(scheduler.stateDict()).toEqual(before)
    expect(() => scheduler.loadStateDict({ ...other.stateDict(), _milestones: [4] })).toThrow(/_milestones/)
  })

  it('tell where groups were added', () => {
    const optimizer = makeOptimizer()
    const scheduler = new lrScheduler.LambdaLR(optimizer, () => 0.5)
    optimizer.addParamGroup({ params: [parameter()] })
    expect(() => scheduler.step()).toThrow(ArgumentError)
    expect(() => scheduler.step()).toThrow(/LambdaLR: the optimiser has 3 groups, and had 2/)
    expect(scheduler.lastEpoch).toBe(0)
  })

  it('OneCycleLR tells the end of its cycle', () => {
    const scheduler = new lrScheduler.OneCycleLR(makeOptimizer(), 0.5, { totalSteps: 4 })
    for (let i = 0; i < 4; i++) scheduler.step()
    expect(() => scheduler.step()).toThrow(/OneCycleLR: step 5 of a cycle of 4/)
    expect(scheduler.lastEpoch).toBe(4)
  })

  it('ReduceLROnPlateau takes a tensor, and NaN as no improvement', () => {
    const optimizer = makeOptimizer()
    const scheduler = new lrScheduler.ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5 })
    scheduler.step(tensor([1]))
    scheduler.step(Number.NaN)
    expect(optimizer.lr).toBe(0.1)
    scheduler.step(Number.NaN)
    expect(optimizer.lr).toBe(0.05)
    expect(() => scheduler.step(undefined as never)).toThrow(/ReduceLROnPlateau: step takes the metric/)
  })

  it('cosPi is the cosine', () => {
    for (let i = -4000; i <= 4000; i++) {
      expect(Math.abs(cosPi(i / 1000) - Math.cos((Math.PI * i) / 1000))).toBeLessThan(5e-15)
    }
    expect([0, 0.5, 1, 1.5, 2, 3].map(cosPi).map((x) => x + 0)).toEqual([1, 0, -1, 0, 1, -1])
  })
})
