/** Tensors and nets are printed as PyTorch prints them; printing.json has what it prints. */
import { format, inspect } from 'node:util'
import { nn, ones, type Tensor, tensor, zeros } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { ConvBnNet } from '../support/conv-bn-net.js'
import { decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { NETS } from '../support/nets.js'

interface Printing {
  tensors: { name: string; tensor: Encoded; text: string }[]
  /** In camelCase, and without options that we do not have. */
  modules: { name: string; text: string }[]
}

const fixture = readFixture<Printing>('printing.json')

beforeAll(initForTest)

/** Checks the values as PyTorch prints them, and the shape that follows them. */
function expectPrinted(x: Tensor, text: string): void {
  const printed = inspect(x)
  const values = text.slice(0, -1)
  expect(printed.slice(0, values.length)).toBe(values)
  const rest = printed.slice(values.length)
  expect(rest.replaceAll(' ', '')).toMatch(new RegExp(`shape\\W*\\[${x.shape}\\]`))
  expect(rest.endsWith(')')).toBe(true)
}

describe('inspect(tensor), and so console.log', () => {
  it.each(fixture.tensors.map((each) => [each.name, each] as const))('%s', (_, { tensor, text }) => {
    expectPrinted(decodeTensor(tensor), text)
  })

  it('shows whole values', () => {
    const one = (n: number) => `${n}\\.(0000)?`
    const rows = `tensor\\(\\[\\[${one(1)}, ${one(2)}\\],\\n {8}\\[${one(3)}, ${one(4)}\\]\\]`
    expect(
      inspect(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      ),
    ).toMatch(new RegExp(`^${rows}`))
  })

  it('shows that a gradient is wanted, and only then', () => {
    expect(inspect(tensor([1.5], { requiresGrad: true }))).toMatch(/requiresGrad\W*true/)
    expect(inspect(tensor([1.5]))).not.toMatch(/requiresGrad\W*true/)
    expect(inspect(tensor([1.5], { requiresGrad: true }).mul(2))).toMatch(/requiresGrad\W*true/)
  })

  it('shows a parameter', () => {
    const printed = inspect(new nn.Parameter(tensor([1.5, 2.25])))
    expect(printed).toContain('tensor([1.5000, 2.2500]')
    expect(printed).toMatch(/requiresGrad\W*true/)
  })

  it('shows values in order, however they lie in memory', () => {
    const { text, tensor: encoded } = fixture.tensors.find(({ name }) => name === 'four dimensions') ?? {}
    if (!text || !encoded) throw new Error('the fixture has no tensor of four dimensions')
    expectPrinted(nn.functional.conv2d(decodeTensor(encoded), ones([1, 1, 1, 1])), text)
  })

  it('is short for what is large', () => {
    expect(inspect(zeros([1000, 1000])).length).toBeLessThan(1000)
    expect(inspect(zeros([1000, 1000]))).toContain('...')
    expect(inspect(zeros([5, 5]))).not.toContain('...')
  })

  it('shows what has no elements', () => {
    for (const shape of [[0], [5, 0]]) expectPrinted(zeros(shape), 'tensor([])')
  })

  it('is what format and console.log print, alone and inside of objects', () => {
    const x = tensor([1.5, 2.25])
    expect(format(x)).toBe(inspect(x))
    expect(inspect({ x })).toContain('tensor([1.5000, 2.2500]')
    expect(inspect([x])).toContain('tensor([1.5000, 2.2500]')
  })

  it('shows no internals', () => {
    expect(inspect(tensor([1.5]))).not.toMatch(/storage|producer|#|kept|internal/)
  })

  it('does not throw for what was disposed of, and says so', () => {
    const x = tensor([1.5])
    x.dispose()
    expect(inspect(x)).toMatch(/disposed/)
  })
})

/** Numbers and pairs may be written in several ways. */
const normal = (text: string) =>
  text
    .replaceAll('[', '(')
    .replaceAll(']', ')')
    .replace(/\((\d+), ?(\d+)\)/g, '($1, $2)')
    .replace(/\((\d+),\)/g, '($1)')
    .replace(/(?<==)[\d.]+e-?\d+/g, (number) => `${Number(number)}`)

const MODULES: Record<string, () => nn.Module> = {
  Linear: () => new nn.Linear(2, 3),
  'Linear without bias': () => new nn.Linear(2, 3, { bias: false }),
  BatchNorm1d: () => new nn.BatchNorm1d(4, { eps: 0.25, momentum: 0.5, affine: false }),
  Dropout: () => new nn.Dropout(0.25),
  Flatten: () => new nn.Flatten(),
  ReLU: () => new nn.ReLU(),
  'an empty Sequential': () => new nn.Sequential(),
  'a Sequential': () => new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU()),
  'a Sequential in a Sequential': () =>
    new nn.Sequential(
      new nn.Sequential(new nn.Linear(2, 3), new nn.Dropout(0.5)),
      new nn.Sequential(),
      new nn.Linear(3, 1),
    ),
  'a ModuleList': () => new nn.ModuleList([new nn.Linear(2, 3), new nn.ReLU()]),
  BatchNorm3d: () => new nn.BatchNorm3d(4),
  GroupNorm: () => new nn.GroupNorm(2, 4, { eps: 0.25, affine: false }),
  InstanceNorm1d: () => new nn.InstanceNorm1d(4),
  InstanceNorm2d: () => new nn.InstanceNorm2d(4, { momentum: 0.5, affine: true, trackRunningStats: true }),
  RMSNorm: () => new nn.RMSNorm([3, 5], { eps: 0.25, elementwiseAffine: false }),
  'Conv2d with all options': () =>
    new nn.Conv2d(4, 6, [3, 2], { stride: 2, padding: [1, 0], dilation: [1, 2], groups: 2, bias: false }),
  'Conv2d of the same size': () => new nn.Conv2d(4, 6, 3, { padding: 'same' }),
  Conv1d: () => new nn.Conv1d(4, 6, 3),
  'Conv1d with all options': () =>
    new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1, dilation: 2, groups: 2, bias: false }),
  ConvTranspose2d: () => new nn.ConvTranspose2d(4, 6, 3),
  'ConvTranspose2d with all options': () =>
    new nn.ConvTranspose2d(4, 6, 3, {
      stride: 3,
      padding: 1,
      outputPadding: [0, 1],
      dilation: 2,
      groups: 2,
      bias: false,
    }),
  MaxPool2d: () => new nn.MaxPool2d(3, { stride: [2, 1], padding: 1, dilation: 2, ceilMode: true }),
  MaxPool1d: () => new nn.MaxPool1d(2),
  AvgPool1d: () => new nn.AvgPool1d(3, { stride: 2, padding: 1 }),
  AdaptiveAvgPool2d: () => new nn.AdaptiveAvgPool2d([3, 4]),
  AdaptiveAvgPool1d: () => new nn.AdaptiveAvgPool1d(4),
  Upsample: () => new nn.Upsample({ size: [3, 4], mode: 'bilinear' }),
  ConvBnNet: () => new ConvBnNet(),
  PreResNet: NETS.PreResNet,
}

describe('String(net)', () => {
  it('is tried for each module of the fixture', () => {
    expect(fixture.modules.map(({ name }) => name)).toEqual(Object.keys(MODULES))
  })

  it.each(fixture.modules.map(({ name, text }) => [name, text] as const))('%s', (name, text) => {
    expect(normal(String(MODULES[name]()))).toBe(normal(text))
  })

  it('shows a module that stands twice in both places', () => {
    const relu = new nn.ReLU()
    expect(String(new nn.Sequential(relu, relu))).toBe('Sequential(\n  (0): ReLU()\n  (1): ReLU()\n)')
  })

  it('shows a module of a user’s without children', () => {
    class Doubling extends nn.Module {
      override forward(x: Tensor): Tensor {
        return x.mul(2)
      }
    }
    expect(String(new nn.Sequential(new Doubling()))).toBe('Sequential(\n  (0): Doubling()\n)')
  })
})
