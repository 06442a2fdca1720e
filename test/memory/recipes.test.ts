/** Idle results are dropped, and made again when somebody asks for them (bindings/recipes.ts): to the bit, whatever happened since. */
import {
  compile,
  manualSeed,
  memory,
  nn,
  noGrad,
  OutOfMemoryError,
  optim,
  randn,
  type Tensor,
  tensor,
} from 'simdgrad'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { operations } from '../../src/autograd/operation.js'
import { instance } from '../../src/bindings/instance.js'
import { Recipe, recipeLimits } from '../../src/bindings/recipes.js'
import { endStep } from '../../src/bindings/steps.js'
import { Execution } from '../fuzz/execute.js'
import { drawable, generate, generateSingle } from '../fuzz/generate.js'
import type { Program } from '../fuzz/program.js'
import { ConvBnNet } from '../support/conv-bn-net.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const makes = vi.spyOn(Recipe.prototype, 'make')
const ALWAYS = { leastBytes: 0, mostHeld: Number.POSITIVE_INFINITY, copiedPart: Number.POSITIVE_INFINITY }
const limits = { ...recipeLimits }
beforeEach(() => {
  Object.assign(recipeLimits, ALWAYS)
  makes.mockClear()
})
afterEach(() => void Object.assign(recipeLimits, limits))

/** Steps that use nothing of what is there. */
function idle(steps = 4): void {
  for (let step = 0; step < steps; step++) endStep()
}

const bits = (x: Tensor) => new Uint32Array(x.toFloat32Array().buffer)

/** Values that are kept, as they were when they were last changed. */
class Kept {
  readonly #all = new Map<string, { x: Tensor; version: number; values: Uint32Array }>()

  note(name: string, x: Tensor): void {
    const known = this.#all.get(name)
    if (known?.x === x && known.version === x.version) return
    this.#all.set(name, { x, version: x.version, values: bits(x) })
  }

  delete(name: string): void {
    this.#all.delete(name)
  }

  /** How many were made again. */
  expectSame(what: string): number {
    const before = makes.mock.calls.length
    for (const [name, { x, values }] of this.#all) {
      // Twice: the first look puts it where the second finds it.
      for (const look of [1, 2]) expect(bits(x), `${what}: ${name}, look ${look}`).toEqual(values)
    }
    return makes.mock.calls.length - before
  }
}

/** Runs a program with pauses of idle steps after every `pause`-th step; then its leaves change, and all is read. */
function keepAll(program: Program, pause: number, what: string): number {
  const execution = new Execution(program, {}, false)
  const leaves = new Map(execution.tensors)
  const kept = new Kept()
  program.steps.forEach((step, i) => {
    if (step.noGrad) noGrad(() => execution.step(step))
    else execution.step(step)
    for (const [name, x] of execution.tensors) if (!leaves.has(name)) kept.note(name, x)
    if (pause > 0 && i % pause === 0) idle()
  })
  idle()
  let changed = 0
  for (const [name, x] of leaves) {
    if (changed++ % 2 === 0) x.fill_(changed)
    else x.dispose()
    leaves.delete(name)
  }
  // A result that is a view of a leaf has changed with it.
  for (const [name, x] of execution.tensors) {
    if (x.disposed || x.storage.disposed || x.storage.isLeaf) kept.delete(name)
  }
  return kept.expectSame(what)
}

describe('random programs, whose leaves change and go', () => {
  it.each([0, 1, 2])('with idle steps after every %i-th step', { timeout: 120_000 }, (pause) => {
    let made = 0
    for (let seed = 1; seed <= 250; seed++) made += keepAll(generate(seed), pause, `seed ${seed}`)
    expect(made).toBeGreaterThan(250)
  })

  it('of each operation alone', { timeout: 120_000 }, () => {
    for (const op of drawable()) {
      for (let seed = 1; seed <= 4; seed++) keepAll(generateSingle(op, seed), 0, `${op}, seed ${seed}`)
    }
    const repeatable = [...operations.values()].filter(({ repeats }) => repeats)
    expect(repeatable.length).toBeGreaterThan(30)
    // A view has its input's memory: nothing of its own is made.
    expect(repeatable.filter(({ view }) => view)).toEqual([])
    expect(makes.mock.calls.length).toBeGreaterThan(200)
  })
})

describe('a net in training', () => {
  class Seen extends nn.Module {
    net = new ConvBnNet()
    seen: Tensor[] = []
    override forward(x: Tensor): Tensor {
      let y = x
      for (const layer of this.net.stage1) {
        y = (layer as nn.Module<[Tensor], Tensor>).forward(y)
        this.seen.push(y)
      }
      const last = this.net.classify.forward(y.flatten(1))
      this.seen.push(last)
      return last
    }
  }

  /** `keeps` tells what a step keeps of what it has seen. */
  function train(steps: number, keeps: (step: number, seen: Tensor[], x: Tensor) => void) {
    manualSeed(3)
    const net = new Seen()
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
    const loss = new nn.CrossEntropyLoss()
    for (let step = 0; step < steps; step++) {
      const x = randn([6, 1, 28, 28])
      net.seen = []
      const value = loss.forward(net.forward(x), [0, 1, 2, 3, 4, 5])
      optimizer.zeroGrad()
      value.backward()
      optimizer.step()
      keeps(step, net.seen, x)
    }
    return net
  }

  it('keeps what it has seen in every step, through updates, evaluation and another state', () => {
    const kept = new Kept()
    const net = train(8, (step, seen, x) => {
      for (const [i, one] of seen.entries()) kept.note(`${step}.${i}`, one)
      if (step % 2) x.dispose()
    })
    net.eval()
    noGrad(() => net.forward(randn([6, 1, 28, 28])))
    for (const [i, one] of net.seen.entries()) kept.note(`eval.${i}`, one)
    net.loadStateDict(new Seen().stateDict())
    idle()
    net.net.classify.weight.fill_(3)
    expect(kept.expectSame('training')).toBeGreaterThan(8)
  })

  it('leaves the running statistics alone where it makes again', () => {
    const seen: Tensor[] = []
    const net = train(3, (_, all) => seen.push(...all))
    idle()
    const before = net.buffers().map(bits)
    for (const x of seen) bits(x)
    expect(makes.mock.calls.length).toBeGreaterThan(3)
    expect(net.buffers().map(bits)).toEqual(before)
  })

  it('learns the same whether anything is dropped or not', () => {
    const weights = () =>
      train(6, (_, seen) => {
        idle(3)
        void seen.map((x) => bits(x))
      })
        .parameters()
        .map(bits)
    const dropped = weights()
    recipeLimits.leastBytes = Number.POSITIVE_INFINITY
    expect(weights()).toEqual(dropped)
  })
})

describe('what was dropped', () => {
  const x = () => tensor(Array.from({ length: 64 }, (_, i) => i / 7 - 3))

  /** Drops it. */
  function drop(...all: Tensor[]): void {
    idle()
    for (const one of all) expect(one.storage.present).toBe(false)
  }

  it('is changed in place as if it were there', () => {
    const y = x().exp()
    const then = y.toFloat32Array()
    drop(y)
    y.storage.writeFloat(3, -1)
    then[3] = -1
    expect(y.toFloat32Array()).toEqual(then)
    const z = x().exp()
    drop(z)
    z.fill_(2)
    expect(z.toFloat32Array()).toEqual(new Float32Array(64).fill(2))
  })

  it('is what others were made of: these stay when it changes or goes', () => {
    const a = x().exp()
    const b = a.add(1)
    const c = b.mul(2)
    const [then, thenC] = [bits(b), bits(c)]
    drop(a, b, c)
    a.fill_(0)
    b.dispose()
    expect(bits(c)).toEqual(thenC)
    const d = x().exp().add(1)
    expect(bits(d)).toEqual(then)
  })

  it('is differentiated through, and read by backward', () => {
    const w = x()
    w.requiresGrad = true
    const y = w.exp()
    drop(noGrad(() => y.mul(2)))
    y.mul(y).sum().backward()
    const other = x()
    other.requiresGrad = true
    const z = other.exp()
    z.mul(z).sum().backward()
    expect(w.grad?.toFloat32Array()).toEqual(other.grad?.toFloat32Array())
  })

  it('is made once, with all that was dropped on the way, however long that is', () => {
    const all = [x().exp()]
    for (let i = 0; i < 1500; i++) all.push(all[i].mul(i % 2 ? 0.5 : 2).add(i % 3))
    const then = bits(all[1500])
    idle()
    const [, first] = all
    expect(first.storage.present).toBe(false)
    expect(bits(all[1500])).toEqual(then)
    expect(first.storage.present).toBe(true)
    const before = makes.mock.calls.length
    for (const one of all) bits(one)
    expect(makes.mock.calls.length).toBe(before)
  })

  it('does not fill the memory where much of it is looked at, one after the other', () => {
    const all = Array.from({ length: 80 }, () => {
      const y = randn([1 << 19])
        .exp()
        .neg()
      idle()
      return y
    })
    let most = 0
    for (const y of all) {
      expect(y.storage.present).toBe(false)
      y.toFloat32Array()
      most = Math.max(most, memory().liveBytes)
    }
    // Each brings 6 MB with it; a step ends with 64.
    expect(most).toBeLessThan(260 * 2 ** 20)
  })

  it('of several steps is no chain: a state that goes on for ever holds the last step alone', () => {
    let h = x()
    const then: Uint32Array[] = []
    const states: Tensor[] = []
    for (let i = 0; i < 50; i++) {
      h = noGrad(() => h.sin().add(0.1))
      states.push(h)
      then.push(bits(x()))
      then[i] = bits(h)
    }
    idle()
    makes.mockClear()
    expect(states.map(bits)).toEqual(then)
    expect(states.slice(0, 40).filter(({ storage }) => !storage.present)).toEqual([])
  })

  it('does not depend on what happened to a random stream', () => {
    const masked = nn.functional.dropout(x(), 0.5)
    const y = masked.exp()
    masked.dispose()
    const then = bits(y)
    idle()
    manualSeed(9)
    expect(bits(y)).toEqual(then)
  })

  it('stays as it was when a compiled step changes what it was made of', () => {
    manualSeed(1)
    const net = new nn.Linear(8, 8)
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const input = randn([4, 8])
    const before = net.forward(input)
    const then = bits(before)
    idle()
    const step = compile(() => {
      optimizer.zeroGrad()
      const value = net.forward(input).pow(2).sum()
      value.backward()
      optimizer.step()
      return value
    })
    for (let i = 0; i < 6; i++) step()
    expect(step.report.reason).toBeUndefined()
    const between = net.forward(input)
    const thenBetween = bits(between)
    idle()
    for (let i = 0; i < 3; i++) step()
    expect(bits(before)).toEqual(then)
    expect(bits(between)).toEqual(thenBetween)
  })

  it('stays as it was when a compiled step overwrites what it was made of', () => {
    const state = x()
    const before = state.add(1)
    const values = bits(before)
    idle()
    const step = compile(() => {
      state.copy_(state.mul(0.5).add(1))
      return state.sum()
    })
    for (let i = 0; i < 4; i++) step()
    expect(step.report.reason).toBeUndefined()
    const between = state.add(1)
    const valuesBetween = bits(between)
    idle()
    for (let i = 0; i < 3; i++) step()
    expect(bits(before)).toEqual(values)
    expect(bits(between)).toEqual(valuesBetween)
  })

  it('fails where memory does not suffice, and is there when it does', () => {
    const y = x().exp().add(1).sqrt()
    const then = bits(y)
    for (let k = 1; k < 12; k++) {
      const z = x().exp().add(1).sqrt()
      drop(z)
      try {
        instance().kernels.memory_fail_from(k)
        bits(z)
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemoryError)
      } finally {
        instance().kernels.memory_fail_from(0)
      }
      expect(bits(z)).toEqual(then)
    }
  })
})

describe('as limits are, is copied instead', () => {
  /** Whether it was dropped. */
  function isDropped(y: Tensor): boolean {
    idle()
    expect(y.storage.resident).toBe(false)
    return !y.storage.present
  }

  beforeEach(() => void Object.assign(recipeLimits, limits))

  it('what is small', () => {
    expect(isDropped(randn([8192]).exp())).toBe(true)
    expect(isDropped(randn([8191]).exp())).toBe(false)
  })

  it('what would hold much more than it is: a slice of a batch does not hold the batch', () => {
    const batch = randn([64, 4096])
    expect(isDropped(batch.slice(0, 0, 16))).toBe(true)
    endStep()
    expect(isDropped(randn([64, 4096]).slice(0, 0, 15))).toBe(false)
  })

  it('what is made of much that changes: large weights are not copied for a small batch', () => {
    for (const [features, dropped] of [[1024, false] as const, [16, true] as const]) {
      endStep()
      const weight = randn([features, features])
      const y = nn.functional.linear(randn([1024, features]), weight)
      const values = bits(y)
      weight.fill_(0)
      expect(isDropped(y)).toBe(dropped)
      expect(bits(y)).toEqual(values)
    }
  })

  it('what was made of what is gone, where that was large', () => {
    const a = randn([16384])
    const b = a.exp()
    const values = bits(b)
    a.dispose()
    expect(isDropped(b)).toBe(false)
    expect(bits(b)).toEqual(values)
  })
})
