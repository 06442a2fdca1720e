/** The binary with the core kernels: it trains what most pages train, and says what it lacks. */
import { readFile } from 'node:fs/promises'
import { describe, expect, it, vi } from 'vitest'
import { instantiate } from '../../src/bindings/instantiate.js'
import { CHAINS } from '../../src/bindings/rows.generated.js'

/** A package of its own, on a binary of its own. */
async function fresh(kernels: 'all' | 'core') {
  vi.resetModules()
  const simdgrad = await import('../../src/index.node.js')
  const backend = await simdgrad.init({ threads: 2, deterministic: true, kernels })
  expect(backend).toMatchObject({ threads: 2, kernels })
  simdgrad.manualSeed(7)
  return { ...simdgrad, backend }
}

type Package = Awaited<ReturnType<typeof fresh>>

/** The bits of all parameters and buffers after some steps of training. */
function trained({ nn, optim, randn, tensor, noGrad }: Package, what: 'MLP' | 'conv net'): Uint8Array {
  const mlp = () => {
    const net = new nn.Sequential(
      new nn.Linear(13, 24),
      new nn.BatchNorm1d(24),
      new nn.GELU(),
      new nn.Dropout(0.2),
      new nn.Linear(24, 5),
    )
    return { net, x: randn([19, 13]), optimizer: new optim.Adam(net.parameters(), { lr: 0.01 }) }
  }
  const conv = () => {
    const net = new nn.Sequential(
      new nn.Conv2d(2, 6, 3, { padding: 1 }),
      new nn.BatchNorm2d(6),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(6, 8, 3, { stride: 2 }),
      new nn.LeakyReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(8, 5),
    )
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true })
    return { net, x: randn([19, 2, 12, 12]), optimizer }
  }
  const { net, x, optimizer } = what === 'MLP' ? mlp() : conv()
  const labels = tensor(Array.from({ length: 19 }, (_, i) => i % 5))
  const loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 })
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad()
    loss.forward(net.forward(x), labels).backward()
    optimizer.step()
  }
  net.eval()
  const values = [...Object.values(net.stateDict()), noGrad(() => net.forward(x).softmax(1))]
  return Buffer.concat(values.map((value) => new Uint8Array(value.toFloat32Array().buffer)))
}

describe('the core kernels', () => {
  it.each(['MLP', 'conv net'] as const)('train an %s to the same bits as the whole binary', async (what) => {
    const whole = trained(await fresh('all'), what)
    const core = trained(await fresh('core'), what)
    expect(core.length).toBeGreaterThan(1000)
    expect(Buffer.compare(core, whole)).toBe(0)
  })

  it('are told in the reason', async () => {
    const { reason } = (await fresh('core')).backend
    expect(reason).toMatch(/; the smaller binary, which was asked for$/)
    expect((await fresh('all')).backend.reason).not.toMatch(/binary/)
  })

  const lacking: [string, (simdgrad: Package) => unknown][] = [
    ['nn.RNN', ({ nn, randn }) => new nn.RNN(3, 4).forward(randn([5, 2, 3]))],
    ['nn.LSTM', ({ nn, randn }) => new nn.LSTM(3, 4).forward(randn([5, 2, 3]))],
    ['nn.GRU', ({ nn, randn }) => new nn.GRUCell(3, 4).forward(randn([2, 3]))],
    ['avgPool2d', ({ nn, randn }) => new nn.AvgPool2d(2).forward(randn([2, 3, 4, 4]))],
    ['avgPool2d', ({ nn, randn }) => new nn.AdaptiveAvgPool2d(2).forward(randn([2, 3, 4, 4]))],
    ['layerNorm', ({ nn, randn }) => new nn.LayerNorm(4).forward(randn([2, 4]))],
    ['groupNorm', ({ nn, randn }) => new nn.GroupNorm(2, 4).forward(randn([2, 4]))],
    [
      'scaledDotProductAttention',
      ({ nn, randn }) =>
        nn.functional.scaledDotProductAttention(randn([2, 3, 4]), randn([2, 3, 4]), randn([2, 3, 4])),
    ],
    [
      'MultiheadAttention',
      ({ nn, randn }) => {
        const x = randn([3, 2, 4])
        return new nn.MultiheadAttention(4, 2).forward(x, x, x, { needWeights: false })
      },
    ],
    ['optim.NAdam', ({ nn, optim }) => new optim.NAdam(new nn.Linear(2, 2).parameters())],
    ['optim.RMSprop', ({ nn, optim }) => new optim.RMSprop(new nn.Linear(2, 2).parameters())],
    ['optim.Adagrad', ({ nn, optim }) => new optim.Adagrad(new nn.Linear(2, 2).parameters())],
  ]
  it.each(lacking)('%s: an InitError that says what to do', async (name, use) => {
    const simdgrad = await fresh('core')
    const failure = await Promise.resolve()
      .then(() => use(simdgrad))
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(simdgrad.InitError)
    expect(failure).toMatchObject({ code: 'core-binary' })
    expect(String(failure)).toContain(`${name}: its kernels are in the larger binary`)
    expect(String(failure)).toContain("init({ kernels: 'all' })")
  })
})

it('an optimiser that lacks its kernel leaves the parameters alone, and others can be made of them', async () => {
  const simdgrad = await fresh('core')
  const net = new simdgrad.nn.Linear(2, 2)
  const before = [...net.weight.toFloat32Array()]
  expect(() => new simdgrad.optim.RMSprop(net.parameters())).toThrow(simdgrad.InitError)
  new simdgrad.optim.SGD(net.parameters()).step()
  expect([...net.weight.toFloat32Array()]).toEqual(before)
})

describe('each binary', () => {
  const read = (name: string) => readFile(new URL(`../../src/bindings/${name}`, import.meta.url))
  const numbersIn = async (file: string) =>
    [...`${await read(file)}`.matchAll(/startRow\((\d+)\)/g)].map(([, number]) => Number(number))

  it.each([
    'strict-unshared',
    'strict-unshared-core',
  ])('%s has the kernels that its functions call', async (name) => {
    const kernels = instantiate(await WebAssembly.compile(await read(`wasm/${name}.wasm`)), undefined)
    const { memory } = kernels
    if (!memory) throw new Error('no memory')
    // A row without arrays is a wrong argument (2), to a kernel that is there; to others the kernel is unknown (3).
    const ask = (number: number) => {
      new Float64Array(memory.buffer, kernels.row(), 256).fill(0)[0] = number
      return kernels.run(kernels.row())
    }
    const core = (await numbersIn('kernels.generated.ts')).map(ask)
    const rest = [...(await numbersIn('whole-kernels.generated.ts')), ...Object.values(CHAINS)].map(ask)
    expect(core.length).toBeGreaterThan(40)
    expect(rest.length).toBeGreaterThan(8)
    const whole = !name.endsWith('-core')
    expect(kernels.is_whole()).toBe(Number(whole))
    expect(new Set(core)).toEqual(new Set([2]))
    expect(new Set(rest)).toEqual(new Set([whole ? 2 : 3]))
    expect(ask(core.length + rest.length)).toBe(3)
  })
})

describe('which binary is loaded', () => {
  it('the smaller one, unless a kernel of the larger was imported', async () => {
    vi.resetModules()
    const { wantsWhole } = await import('../../src/bindings/whole.js')
    await import('../../src/nn/linear.js')
    await import('../../src/autograd/methods.js')
    await import('../../src/autograd/methods-indexing.js')
    await import('../../src/nn/conv2d.js')
    await import('../../src/nn/max-pooling.js')
    await import('../../src/nn/batch-norm.js')
    await import('../../src/optim/adam.js')
    await import('../../src/train/fit.js')
    expect(wantsWhole()).toBe(false)
    await import('../../src/nn/recurrent.js')
    expect(wantsWhole()).toBe(true)
  })
})
