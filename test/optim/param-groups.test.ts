import { ArgumentError, nn, ones, optim, tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const parameter = (...values: number[]) => new nn.Parameter(tensor(values))

describe('groups of parameters', () => {
  it("have their own options, and the optimiser's for the others", () => {
    const [first, second] = [new nn.Linear(2, 3), new nn.Linear(3, 1)]
    const net = new nn.Sequential(first, second)
    const optimizer = new optim.AdamW(
      [{ params: first.parameters(), lr: 0.1, weightDecay: 0 }, { params: second.parameters() }],
      { lr: 0.01, betas: [0.8, 0.9] },
    )
    const [a, b] = optimizer.paramGroups
    expect(a).toEqual({ params: first.parameters(), lr: 0.1, weightDecay: 0, ...common })
    expect(b).toEqual({ params: second.parameters(), lr: 0.01, weightDecay: 0.01, ...common })
    expect(optimizer.parameters).toEqual(net.parameters())
    expect(a.betas).not.toBe(b.betas)
  })
  const common = { betas: [0.8, 0.9], eps: 1e-8, amsgrad: false, maximize: false }

  it('step with their own learning rates, which may be changed at any time', () => {
    const [a, b] = [parameter(1), parameter(1)]
    const optimizer = new optim.SGD([{ params: a, lr: 0.1 }, { params: [b] }], { lr: 0.5 })
    const step = () => {
      for (const each of [a, b]) each.grad = tensor([1])
      optimizer.step()
      return [a.item(), b.item()].map((x) => Number(x.toFixed(4)))
    }
    expect(step()).toEqual([0.9, 0.5])
    optimizer.paramGroups[1].lr = 0.1
    expect(step()).toEqual([0.8, 0.4])
    expect(optimizer.lr).toBe(0.1)
    optimizer.lr = 0.2
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.2, 0.2])
    expect(step()).toEqual([0.6, 0.2])
  })

  it('take options that are switched on in the midst of training', () => {
    const a = parameter(1)
    for (const [Kind, change] of [
      [optim.SGD, { momentum: 0.9 }],
      [optim.Adam, { amsgrad: true }],
      [optim.RMSprop, { momentum: 0.9, centered: true }],
    ] as const) {
      const optimizer = new Kind([a])
      for (let i = 0; i < 4; i++) {
        if (i === 2) Object.assign(optimizer.paramGroups[0], change)
        a.grad = tensor([i + 1])
        optimizer.step()
      }
      expect(Number.isFinite(a.item())).toBe(true)
      const { amsgrad, momentum } = { amsgrad: false, momentum: 0, ...change }
      const { state } = optimizer.stateDict()
      expect('max_exp_avg_sq' in state[0]).toBe(amsgrad)
      expect('momentum_buffer' in state[0]).toBe(momentum > 0)
    }
  })

  it('are added later', () => {
    const [a, b] = [parameter(1), parameter(1)]
    const optimizer = new optim.SGD([a], { lr: 0.5, momentum: 0.9 })
    optimizer.addParamGroup({ params: [b], lr: 0.25 })
    expect(optimizer.paramGroups).toHaveLength(2)
    expect(optimizer.paramGroups[1]).toMatchObject({ lr: 0.25, momentum: 0.9 })
    for (const each of [a, b]) each.grad = tensor([1])
    optimizer.step()
    expect([a.item(), b.item()]).toEqual([0.5, 0.75])
    optimizer.zeroGrad()
    expect([a.grad, b.grad]).toEqual([null, null])
    expect(() => optimizer.addParamGroup({ params: [a] })).toThrow(/group 2.*is in group 0 too/)
    expect(() => optimizer.addParamGroup({ params: [parameter(1)], lr: -1 })).toThrow(/SGD: group 2: lr/)
    expect(optimizer.paramGroups).toHaveLength(2)
  })

  it('may be empty, as long as there is a parameter', () => {
    expect(new optim.SGD([{ params: [] }, { params: [parameter(1)] }]).parameters).toHaveLength(1)
    expect(() => new optim.SGD([{ params: [] }])).toThrow(/no parameters/)
  })

  it('keep their parameters, and their list', () => {
    const optimizer = new optim.SGD([parameter(1)])
    const [group] = optimizer.paramGroups
    expect(() => Object.assign(group, { params: [] })).toThrow(TypeError)
    expect(() => (group.params as unknown[]).push(1)).toThrow(TypeError)
    expect(() => (optimizer.paramGroups as unknown[]).push(1)).toThrow(TypeError)
  })

  it.each([
    [{ lr: -1 }, /SGD: group 1: lr is a number of at least 0, got -1/],
    [{ lr: '0.1' }, /SGD: group 1: lr/],
    [{ nesterov: true }, /SGD: group 1: nesterov needs a momentum/],
    [{ weight_decay: 0.1 }, /SGD: group 1: unknown option 'weight_decay' in paramGroups/],
  ])('are checked at the step after a change, before anything is changed: %o', (change, message) => {
    const [a, b] = [parameter(1), parameter(1)]
    const optimizer = new optim.SGD([{ params: [a] }, { params: [b] }])
    for (const each of [a, b]) each.grad = tensor([1])
    Object.assign(optimizer.paramGroups[1], change)
    expect(() => optimizer.step()).toThrow(ArgumentError)
    expect(() => optimizer.step()).toThrow(message)
    expect([a.item(), b.item()]).toEqual([1, 1])
  })

  it('tell where a parameter is twice', () => {
    const [a, b] = [parameter(1), new nn.Parameter(ones([2, 3]))]
    expect(() => new optim.SGD([{ params: [a, a] }])).toThrow(/element 1 of the parameters .*twice/)
    expect(() => new optim.SGD([{ params: [a] }, { params: [a, b, b] }])).toThrow(
      /group 1.*in group 0 too.*twice/,
    )
    expect(() => new optim.SGD([{ params: [a] }, { params: [b, b] }])).toThrow(/of group 1 \(shape \[2,3\]\)/)
  })
})
