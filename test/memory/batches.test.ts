/** An idle batch of images is dropped, and gathered again when somebody looks at it: it must be as it was. */
import { data, memory, noGrad, OutOfMemoryError, randn, type Tensor } from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { instance } from '../../src/bindings/instance.js'
import { endStep, makeRoom } from '../../src/bindings/steps.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

function batches(): Tensor[] {
  const images = { shape: [10, 3, 5], data: Uint8Array.from({ length: 150 }, (_, i) => (i * 37) % 256) }
  const labels = { shape: [10], data: new Uint8Array(10) }
  const loader = new data.DataLoader(new data.ImageDataset(images, labels), { batchSize: 4, shuffle: true })
  return [...loader].map(([x]) => x)
}

/** Steps that use nothing of it: it leaves wasm memory. */
function leaveIdle(x: Tensor): void {
  const { storage } = x
  for (let step = 0; step < 4; step++) endStep()
  expect(storage.resident).toBe(false)
}

it('has the same values, for a look and for an operation, again and again, after its loader has ended', () => {
  for (const x of batches()) {
    const before = x.toFloat32Array()
    for (let round = 0; round < 3; round++) {
      leaveIdle(x)
      expect(x.toFloat32Array()).toEqual(before)
      leaveIdle(x)
      expect(noGrad(() => x.mul(1)).toFloat32Array()).toEqual(before)
    }
    leaveIdle(x)
    expect(x.storage.readFloat(2)).toBe(before[2])
  }
})

it('keeps what was written to it', () => {
  const [x, other] = batches()
  x.fill_(3)
  other.copy_(randn(other.shape))
  const [filled, copied] = [x.toFloat32Array(), other.toFloat32Array()]
  for (let round = 0; round < 2; round++) {
    leaveIdle(x)
    leaveIdle(other)
    expect(x.toFloat32Array()).toEqual(filled)
    expect(other.toFloat32Array()).toEqual(copied)
  }
})

it('is no change in place: backward still takes it', () => {
  const [x] = batches()
  const w = randn(x.shape)
  w.requiresGrad = true
  const y = x.mul(w).sum()
  leaveIdle(x)
  expect(x.toFloat32Array()).toHaveLength(60)
  y.backward()
  expect(w.grad?.toFloat32Array()).toEqual(x.toFloat32Array())
})

it('fails where memory does not suffice, and is there when it does', () => {
  for (const k of [1, 2]) {
    const [x] = batches()
    const before = x.toFloat32Array()
    leaveIdle(x)
    try {
      instance().kernels.memory_fail_from(k)
      expect(() => x.storage.address).toThrow(OutOfMemoryError)
    } finally {
      instance().kernels.memory_fail_from(0)
    }
    expect(x.storage.resident).toBe(false)
    expect(x.toFloat32Array()).toEqual(before)
  }
})

it('is copied once somebody has asked for it: what it was gathered from need not come back each time', () => {
  const [x] = batches()
  leaveIdle(x)
  const before = x.toFloat32Array()
  leaveIdle(x)
  try {
    // Its own place; gathering takes one for the indices too.
    instance().kernels.memory_fail_from(2)
    expect(x.toFloat32Array()).toEqual(before)
    expect(noGrad(() => x.storage.address)).toBeGreaterThan(0)
  } finally {
    instance().kernels.memory_fail_from(0)
  }
})

it('stays where it is once a data set is made of it, and is copied out when room is made', () => {
  const [x] = batches()
  const before = x.toFloat32Array()
  leaveIdle(x)
  const { tensors } = new data.TensorDataset(x)
  for (let step = 0; step < 4; step++) endStep()
  expect(x.storage.resident).toBe(true)
  makeRoom()
  expect(x.storage.resident).toBe(false)
  const { liveBytes } = memory()
  expect(tensors[0].toFloat32Array()).toEqual(before)
  // It was not gathered again, for which its images would have come back.
  expect(memory().liveBytes).toBe(liveBytes)
})
