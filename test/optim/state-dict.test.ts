import { ArgumentError, nn, ones, optim, StateDictError, type Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { needPython, python, runFixtureScript } from '../support/python.js'

interface Case {
  name: string
  type: 'SGD' | 'Adam' | 'AdamW' | 'NAdam' | 'RMSprop' | 'Adagrad'
  options: Record<string, unknown>
  second: Record<string, unknown>
  initial: Encoded[]
  /** Of each of six steps. */
  gradients: Encoded[][]
  parameters: Encoded[][]
  stateAfter3: { state: Record<string, Record<string, Encoded>>; param_groups: optim.StateDictGroup[] }
}

const cases = readFixture<Case[]>('optimizer-states.json').map((each) => [each.name, each] as const)

/** What PyTorch's groups have that says how, not what, is computed. */
const PYTORCH_ONLY = ['foreach', 'fused', 'capturable', 'differentiable']

beforeAll(initForTest)
needPython("PyTorch's optimisers going on from our state")

/** The three parameters of a case in two groups, with other options than the case's where `options` are given. */
function make({ type, options, second, initial }: Case, values = initial, plain = false) {
  const parameters = values.map((each) => new nn.Parameter(decodeTensor(each)))
  const groups = [
    { params: parameters.slice(0, 2) },
    { params: parameters.slice(2), ...(plain ? {} : second) },
  ]
  return { parameters, optimizer: new optim[type](groups, plain ? {} : options) }
}

function step(optimizer: optim.Optimizer, parameters: readonly Tensor[], gradients: readonly Encoded[]) {
  for (const [i, parameter] of parameters.entries()) parameter.grad = decodeTensor(gradients[i])
  optimizer.step()
}

function expectParameters(parameters: readonly Tensor[], expected: readonly Encoded[], what: string) {
  for (const [i, parameter] of parameters.entries()) {
    expectClose(parameter, decode(expected[i]), { tolerance: 1e-5, what: `${what}, parameter ${i}` })
  }
}

/** The fixture's state dict with tensors in it. */
function decodeState({ state, param_groups }: Case['stateAfter3']): optim.OptimizerState {
  const entries = Object.entries(state).map(([i, entry]) => [
    i,
    Object.fromEntries(Object.entries(entry).map(([name, each]) => [name, decodeTensor(each)])),
  ])
  return { state: Object.fromEntries(entries), param_groups }
}

describe.each(cases)('%s', (_, each) => {
  it("takes PyTorch's steps in two groups", () => {
    const { parameters, optimizer } = make(each)
    for (const [i, gradients] of each.gradients.entries()) {
      step(optimizer, parameters, gradients)
      expectParameters(parameters, each.parameters[i], `step ${i}`)
    }
  })

  it("goes on from PyTorch's state", () => {
    const { parameters, optimizer } = make(each, each.parameters[2], true)
    optimizer.loadStateDict(decodeState(each.stateAfter3))
    for (let i = 3; i < 6; i++) {
      step(optimizer, parameters, each.gradients[i])
      expectParameters(parameters, each.parameters[i], `step ${i}`)
    }
  })

  it("has PyTorch's state after three steps, under its names", () => {
    const { parameters, optimizer } = make(each)
    for (let i = 0; i < 3; i++) step(optimizer, parameters, each.gradients[i])
    const { state, param_groups } = optimizer.stateDict()
    const expected = each.stateAfter3
    expect(Object.keys(state)).toEqual(Object.keys(expected.state))
    for (const [i, entry] of Object.entries(expected.state)) {
      expect(Object.keys(state[i]).sort()).toEqual(Object.keys(entry).sort())
      for (const [name, values] of Object.entries(entry)) {
        const own = state[i][name] as Tensor
        expect(own.shape).toEqual(values.shape)
        expectClose(own, decode(values), { tolerance: 1e-5, what: `state ${i}.${name}` })
      }
    }
    expect(param_groups).toEqual(
      expected.param_groups.map((group) =>
        Object.fromEntries(Object.entries(group).filter(([name]) => !PYTORCH_ONLY.includes(name))),
      ),
    )
  })

  it('goes on from its own state to the bit', () => {
    const first = make(each)
    for (let i = 0; i < 3; i++) step(first.optimizer, first.parameters, each.gradients[i])
    const second = make(each, each.initial, true)
    for (const [i, parameter] of second.parameters.entries()) parameter.copy_(first.parameters[i])
    second.optimizer.loadStateDict(first.optimizer.stateDict())
    for (const { optimizer, parameters } of [first, second]) {
      for (let i = 3; i < 6; i++) step(optimizer, parameters, each.gradients[i])
    }
    for (const [i, { toFloat32Array }] of first.parameters.entries()) {
      expect(second.parameters[i].toFloat32Array()).toEqual(toFloat32Array.call(first.parameters[i]))
    }
  })
})

/** As the fixtures hold a tensor. */
function encode(x: Tensor): Encoded {
  return { shape: [...x.shape], data: Buffer.from(x.toFloat32Array().buffer).toString('base64') }
}

it.runIf(python)("PyTorch's own optimisers go on from our state, with its options", () => {
  const asked = cases.map(([, each]) => {
    const { parameters, optimizer } = make(each)
    for (let i = 0; i < 3; i++) step(optimizer, parameters, each.gradients[i])
    const { state, param_groups } = optimizer.stateDict()
    const entries = Object.entries(state).map(([i, entry]) => [
      i,
      Object.fromEntries(Object.entries(entry).map(([name, x]) => [name, encode(x as Tensor)])),
    ])
    return {
      type: each.type,
      parameters: parameters.map(encode),
      gradients: each.gradients.slice(3),
      state: { state: Object.fromEntries(entries), param_groups },
    }
  })
  const after = runFixtureScript<Encoded[][]>('continue_with_torch.py', [], JSON.stringify(asked))
  for (const [i, [name, each]] of cases.entries()) {
    for (const [j, expected] of each.parameters[5].entries()) {
      const theirs = decodeTensor(after[i][j])
      expectClose(theirs, decode(expected), { tolerance: 1e-5, what: `${name}, parameter ${j}` })
    }
  }
})

describe('loadStateDict', () => {
  const parameter = (...shape: number[]) => new nn.Parameter(ones(shape))
  const made = () => {
    const parameters = [parameter(2), parameter(3, 2)]
    const optimizer = new optim.Adam([{ params: [parameters[0]] }, { params: [parameters[1]], lr: 0.5 }])
    for (const each of parameters) each.grad = ones(each.shape)
    optimizer.step()
    return { optimizer, parameters }
  }

  /** A right state dict, with something about it changed. */
  const changed = (change: (state: optim.OptimizerState) => unknown) => {
    const state = made().optimizer.stateDict()
    change(state)
    return state
  }

  it.each<[change: (state: optim.OptimizerState) => unknown, message: RegExp]>([
    [(s) => void s.param_groups.pop(), /it has 1 group, expected 2/],
    [(s) => void s.param_groups[1].params.push(2), /group 1 has 2 parameters, expected 1/],
    [(s) => void s.param_groups[1].params.splice(0, 1, 0), /a parameter is in it twice/],
    [(s) => void delete s.param_groups[0].lr, /group 0 lacks lr/],
    [(s) => Object.assign(s.param_groups[0], { momentum: 0.9 }), /group 0 has momentum/],
    [(s) => Object.assign(s.param_groups[0], { weight_decay: -1 }), /group 0: weightDecay/],
    [(s) => Object.assign(s.param_groups[0], { initial_lr: 'x' }), /group 0: initial_lr/],
    [(s) => Object.assign(s.state, { 5: {} }), /state\['5'\] is of no parameter/],
    [(s) => void delete s.state[0].exp_avg, /state\['0'\] lacks exp_avg/],
    [(s) => Object.assign(s.state[0], { exp_avg: zeros([3]) }), /exp_avg has shape \[3\].*\[2\]/],
    [(s) => Object.assign(s.state[0], { exp_avg: 1 }), /exp_avg is a tensor, got 1/],
    [(s) => Object.assign(s.state[0], { step: zeros([2]) }), /step is a whole number/],
    [(s) => Object.assign(s.state[0], { step: 0.5 }), /step is a whole number/],
    [(s) => Object.assign(s.state[0], { momentum_buffer: zeros([2]) }), /momentum_buffer is not kept/],
    [(s) => Object.assign(s.param_groups[0], { amsgrad: true }), /state\['0'\] lacks max_exp_avg_sq/],
  ])('refuses what does not fit, and changes nothing: %o', (change, message) => {
    const { optimizer } = made()
    const before = JSON.stringify(plain(optimizer.stateDict()))
    const load = () => optimizer.loadStateDict(changed(change))
    expect(load).toThrow(StateDictError)
    expect(load).toThrow(message)
    expect(JSON.stringify(plain(optimizer.stateDict()))).toBe(before)
  })

  it.each([
    null,
    [],
    { state: {} },
    { state: [], param_groups: [] },
    { state: {}, param_groups: [1] },
  ])('refuses what is no state dict: %o', (bad) => {
    const load = () => made().optimizer.loadStateDict(bad as never)
    expect(load).toThrow(ArgumentError)
    expect(load).toThrow(/loadStateDict/)
  })

  it('takes step as a number, flags that older files lack, and what only PyTorch has', () => {
    const state = changed(() => {})
    state.state[0].step = 7
    delete state.param_groups[0].amsgrad
    Object.assign(state.param_groups[0], { foreach: null, fused: null, param_names: ['a'] })
    const { optimizer } = made()
    optimizer.loadStateDict(state)
    expect((optimizer.stateDict().state[0].step as Tensor).item()).toBe(7)
    expect(optimizer.paramGroups[0].amsgrad).toBe(false)
  })

  it("copies: the loaded optimiser's steps leave the state dict as it was", () => {
    const { optimizer, parameters } = made()
    const state = made().optimizer.stateDict()
    optimizer.loadStateDict(state)
    parameters[0].grad = tensor([5, 5])
    optimizer.step()
    expect(state.state[0].exp_avg).not.toBe(optimizer.stateDict().state[0].exp_avg)
    expectClose(state.state[0].exp_avg as Tensor, [0.1, 0.1], { tolerance: 1e-6 })
  })

  it("takes SGD's buffer as None, as PyTorch has it before the first step", () => {
    const a = parameter(2)
    const optimizer = new optim.SGD([a], { momentum: 0.9 })
    const state = optimizer.stateDict()
    expect(state.state).toEqual({})
    optimizer.loadStateDict({ ...state, state: { 0: { momentum_buffer: null } } })
    a.grad = ones([2])
    optimizer.step()
    expectClose(a, [0.999, 0.999], { tolerance: 1e-6 })
  })
})

/** A state dict as JSON has it. */
function plain({ state, param_groups }: optim.OptimizerState) {
  const entries = Object.entries(state).map(([i, entry]) => [
    i,
    Object.entries(entry).map(([name, x]) => [name, (x as Tensor).toArray()]),
  ])
  return { state: entries, param_groups }
}
