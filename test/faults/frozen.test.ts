/** What asks for no gradient gets none, and no optimiser changes it (fault 2). */
import { nn, optim, randn, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { decode, decodeTensor, type OperationCase, readFixture, resolve } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const values = (x: Tensor | null) => x?.toFloat32Array()

/** Layers with an input for each, and the parameters to freeze. */
const LAYERS: [string, () => nn.Module, number[], RegExp][] = [
  ['BatchNorm2d', () => new nn.BatchNorm2d(3), [5, 3, 4, 4], /weight|bias/],
  ['BatchNorm2d, its weight', () => new nn.BatchNorm2d(3), [5, 3, 4, 4], /weight/],
  ['BatchNorm2d, its bias', () => new nn.BatchNorm2d(3), [5, 3, 4, 4], /bias/],
  ['BatchNorm2d in evaluation', () => new nn.BatchNorm2d(3).eval(), [5, 3, 4, 4], /weight|bias/],
  ['BatchNorm1d', () => new nn.BatchNorm1d(3), [5, 3], /weight|bias/],
  ['BatchNorm1d of sequences', () => new nn.BatchNorm1d(3), [5, 3, 7], /weight|bias/],
  ['Linear', () => new nn.Linear(3, 4), [5, 3], /weight|bias/],
  ['Linear, its bias', () => new nn.Linear(3, 4), [5, 3], /bias/],
  ['Conv2d', () => new nn.Conv2d(3, 4, 3), [5, 3, 4, 4], /weight|bias/],
  ['Conv2d, its weight', () => new nn.Conv2d(3, 4, 3), [5, 3, 4, 4], /weight/],
  [
    'batch norm before max pooling',
    () => new nn.Sequential(new nn.BatchNorm2d(3), new nn.ReLU(), new nn.MaxPool2d(2)),
    [5, 3, 4, 4],
    /weight|bias/,
  ],
]

describe('a frozen parameter gets no gradient, and a step leaves it as it is', () => {
  it.each(LAYERS)('%s', (_, make, shape, frozen) => {
    // A layer before it, so that there is something that trains.
    const first = shape.length === 2 ? new nn.Linear(3, 3) : undefined
    const layer = make()
    const chosen = layer.namedParameters().filter(([name]) => frozen.test(name))
    expect(chosen.length).toBeGreaterThan(0)
    for (const [, parameter] of chosen) parameter.requiresGrad = false
    const before = chosen.map(([, parameter]) => values(parameter))
    const x = randn(shape)
    x.requiresGrad = true
    const all = [...(first?.parameters() ?? []), ...layer.parameters()]
    const optimizers = [
      new optim.SGD(all, { lr: 0.5 }),
      new optim.SGD(all, { lr: 0.5, momentum: 0.9, weightDecay: 0.1 }),
      new optim.Adam(all, { lr: 0.5, weightDecay: 0.1 }),
      new optim.AdamW(all, { lr: 0.5, weightDecay: 0.1 }),
    ]
    for (const optimizer of optimizers) {
      optimizer.zeroGrad()
      layer
        .forward(first ? first.forward(x) : x)
        .pow(2)
        .sum()
        .backward()
      optimizer.step()
      for (const [name, parameter] of chosen) expect(parameter.grad, name).toBeNull()
      expect(chosen.map(([, parameter]) => values(parameter))).toEqual(before)
    }
    // What is not frozen trains.
    const others = layer.namedParameters().filter(([name]) => !frozen.test(name))
    for (const [name, parameter] of others) expect(parameter.grad, name).not.toBeNull()
    expect(x.grad).not.toBeNull()
  })

  it('and trains again when it is thawed', () => {
    const layer = new nn.BatchNorm2d(3)
    const x = randn([5, 3, 4, 4])
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.5 })
    const step = () => {
      optimizer.zeroGrad()
      layer
        .forward(x)
        .mul(randn([5, 3, 4, 4]))
        .sum()
        .backward()
      optimizer.step()
    }
    if (!layer.weight) throw new Error('BatchNorm2d has a weight')
    layer.weight.requiresGrad = false
    step()
    expect(values(layer.weight)).toEqual(new Float32Array(3).fill(1))
    layer.weight.requiresGrad = true
    step()
    expect(values(layer.weight)).not.toEqual(new Float32Array(3).fill(1))
  })
})

const cases = readFixture<OperationCase[]>('operations.json').filter(
  ({ grads }) => grads.filter((grad) => grad !== null).length > 1,
)
const operations = [...new Set(cases.map(({ op }) => op))]

describe('of the inputs of an operation, each alone without a gradient leaves the others theirs', () => {
  it('has operations to try', () => {
    expect(operations).toEqual(
      expect.arrayContaining(['add', 'matmul', 'linear', 'conv2d', 'batchNorm', 'cat']),
    )
  })

  it.each(operations)('%s', (op) => {
    for (const each of cases.filter((one) => one.op === op)) {
      each.grads.forEach((own, frozen) => {
        if (!own) return
        const inputs = each.inputs.map((input, i) => decodeTensor(input, input.requiresGrad && i !== frozen))
        run(each, inputs).backward(each.cotangent ? decodeTensor(each.cotangent) : undefined)
        expect(inputs[frozen].grad, `${each.name}: gradient ${frozen}`).toBeNull()
        each.grads.forEach((expected, i) => {
          if (!expected || i === frozen) return
          const scale = Math.max(
            largest(decode(expected)),
            each.cotangent ? largest(decode(each.cotangent)) : 1,
          )
          const what = `${each.name}: gradient ${i} without ${frozen}`
          expectClose(inputs[i].grad ?? [], decode(expected), { tolerance: 1e-4, scale, what })
        })
      })
    }
  })
})

function run({ op, target, args }: OperationCase, tensors: readonly Tensor[]): Tensor {
  const [first, ...rest] = resolve(args, tensors) as unknown[]
  if (target === 'method') return Reflect.apply(Reflect.get(first as Tensor, op), first, rest) as Tensor
  return Reflect.apply(Reflect.get(nn.functional, op), undefined, [first, ...rest]) as Tensor
}
