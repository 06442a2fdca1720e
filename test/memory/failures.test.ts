/**
 * Every allocation of a training step can fail, one after the other (as https://www.sqlite.org/malloc.html does it):
 * each time there is a typed error, the parameters are those before the step or those after it, and the next step,
 * with memory restored, gives the bits that it would have given.
 */
import { compile, manualSeed, nn, OutOfMemoryError, optim, randn, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { fuseRecorded } from '../../src/bindings/fuse-rows.js'
import { instance } from '../../src/bindings/instance.js'
import { setRowFusion } from '../../src/bindings/row-fusion.js'
import { ConvBnNet } from '../support/conv-bn-net.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)
// As rows of larger arrays are.
beforeAll(() => setRowFusion((recorded) => fuseRecorded(recorded, 1)))

/** Allocations and requests for scratch memory so far. */
const requests = () => instance().kernels.memory_requests()

/** Lets the k-th request from now on fail, and all after it; 0 for none. */
const failFrom = (k: number) => instance().kernels.memory_fail_from(k)

class Residual extends nn.Module {
  stem = new nn.Conv2d(1, 4, 3, { padding: 1 })
  bn1 = new nn.BatchNorm2d(4)
  conv1 = new nn.Conv2d(4, 4, 3, { padding: 1 })
  bn2 = new nn.BatchNorm2d(4)
  conv2 = new nn.Conv2d(4, 4, 3, { padding: 1 })
  norm = new nn.LayerNorm(4)
  classify = new nn.Linear(4, 10)
  override forward(x: Tensor): Tensor {
    let h = this.stem.forward(x)
    h = h.add(this.conv2.forward(this.bn2.forward(this.conv1.forward(this.bn1.forward(h).relu())).gelu()))
    return this.classify.forward(this.norm.forward(nn.functional.avgPool2d(h, 2).mean({ dim: [2, 3] })))
  }
}

/** A net in training on one batch: the same numbers each time it is made. */
function trainer(
  make: () => nn.Module,
  optimiser: (parameters: nn.Parameter[]) => optim.Optimizer,
  size: number,
  compiled = false,
) {
  manualSeed(5)
  const net = make()
  const optimizer = optimiser(net.parameters())
  // (Lanes of padding are in the way of fused rows.)
  const labels = Array.from({ length: compiled ? 8 : 6 }, (_, i) => i)
  const x = randn([labels.length, 1, size, size])
  const loss = new nn.CrossEntropyLoss()
  const step = () => {
    const value = loss.forward(net.forward(x), labels)
    optimizer.zeroGrad()
    value.backward()
    optimizer.step()
  }
  const recorded = compile(step)
  return {
    step: compiled ? recorded : step,
    dispose: recorded.dispose,
    /** The parameters' bits. (Running statistics move in each forward that was run, as PyTorch's.) */
    bits: () =>
      net
        .parameters()
        .map((p) => Buffer.from(p.toFloat32Array().buffer).toString('base64'))
        .join(),
  }
}

const NETS: [string, () => nn.Module, number][] = [
  ['cnn-bn', () => new ConvBnNet(), 28],
  ['a residual net', () => new Residual(), 6],
]
const OPTIMISERS: [string, (parameters: nn.Parameter[]) => optim.Optimizer][] = [
  ['SGD with momentum', (parameters) => new optim.SGD(parameters, { lr: 0.1, momentum: 0.9 })],
  ['Adam', (parameters) => new optim.Adam(parameters)],
  [
    'RMSprop with all that it can keep',
    (parameters) => new optim.RMSprop(parameters, { momentum: 0.9, centered: true }),
  ],
]

describe.each(NETS)('%s', (_, make, size) => {
  /** Lets each request of the step after `first` others fail, in nets that are made anew. */
  function failEach(optimiser: (typeof OPTIMISERS)[number][1], first: number, compiled: boolean): void {
    const made = () => {
      const trained = trainer(make, optimiser, size, compiled)
      for (let i = 0; i < first; i++) trained.step()
      return trained
    }
    const reference = made()
    const before = reference.bits()
    const start = requests()
    reference.step()
    const count = requests() - start
    const after = reference.bits()
    reference.step()
    const later = reference.bits()
    reference.dispose()
    // What was planned once asks for scratch memory only.
    expect(count).toBeGreaterThan(compiled && first > 1 ? 3 : 30)
    expect(new Set([before, after, later]).size).toBe(3)

    for (let k = 1; k <= count; k++) {
      const trained = made()
      failFrom(k)
      try {
        // A recording that there is no room for at its end is given up; the step was made.
        if (compiled && first === 1 && k === count) trained.step()
        else expect(() => trained.step(), `request ${k} of ${count}`).toThrow(OutOfMemoryError)
      } finally {
        failFrom(0)
      }
      const bits = trained.bits()
      expect(bits === before || bits === after, `parameters after request ${k} of ${count} failed`).toBe(true)
      if (bits === before) trained.step()
      expect(trained.bits() === after, `the step again, after request ${k} had failed`).toBe(true)
      trained.step()
      expect(trained.bits() === later, `the next step, after request ${k} had failed`).toBe(true)
      trained.dispose()
    }
  }

  it.each(OPTIMISERS)(
    'and %s: whichever allocation of the first step fails',
    { timeout: 120_000 },
    (_, optimiser) => failEach(optimiser, 0, false),
  )

  it.each(OPTIMISERS)('and %s, compiled: while it is recorded', { timeout: 120_000 }, (_, optimiser) =>
    failEach(optimiser, 1, true),
  )

  it.each(OPTIMISERS)('and %s, compiled: while it is replayed', { timeout: 120_000 }, (_, optimiser) =>
    failEach(optimiser, 2, true),
  )
})
