/** What can't be written or read is refused, by name, and the net stays as it was. */
import {
  ArgumentError,
  AutogradError,
  autograd,
  DataError,
  hashState,
  nn,
  rand,
  randn,
  type Tensor,
  tensor,
} from 'simdgrad'
import { encodeOnnx, loadOnnx, saveOnnx } from 'simdgrad/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { ATTRIBUTES, loadCodec, type ModelProto, type Partly, TYPES } from '../../src/onnx/proto.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** A forward of a user's own. */
class Own extends nn.Module<[Tensor], unknown> {
  readonly linear = new nn.Linear(3, 3)
  readonly #run: (x: Tensor, self: Own) => unknown

  constructor(run: (x: Tensor, self: Own) => unknown) {
    super()
    this.#run = run
  }

  forward(x: Tensor): unknown {
    return this.#run(x, this)
  }
}

describe('encodeOnnx', () => {
  it.each<[string, (x: Tensor, self: Own) => unknown, RegExp]>([
    ['values that are read', (x) => x.mul(x.sum().item()), /reads a value that depends on its inputs/],
    ['values as an array', (x) => tensor(x.toArray() as number[][]), /reads a value/],
    ['what is changed in place', (x) => x.add(1).fill_(2).mul(x), /what 'mul' reads was changed in place/],
    ['what is changed in place and given', (x) => x.add(1).fill_(2), /what 'the result' reads was changed/],
    [
      'classes that nobody has counted',
      (x) => nn.functional.oneHot(x.argmax({ dim: 1 })),
      /reads a value that depends on its inputs/,
    ],
    ['chance', (x) => nn.functional.dropout(x, 0.5), /draws random numbers, as dropout/],
    ['chance of its own', (x) => x.add(rand([3])), /draws random numbers/],
    [
      'a loss',
      (x) => nn.functional.crossEntropy(x, [0].concat(Array.from({ length: x.shape[0] - 1 }, () => 1))),
      /'crossEntropy'/,
    ],
    [
      'another constant for each batch',
      (x) => x.mul(tensor(Array.from({ length: x.shape[0] }, (_, i) => [i * i]))),
      /takes a constant whose values change/,
    ],
    [
      'another net for another batch',
      (x) => (x.shape[0] % 2 === 0 ? x.neg().neg() : x),
      /computes otherwise with other batches/,
    ],
    ['no tensor', () => 3, /gives no tensor/],
    ['a promise', async (x) => x, /asynchronous/],
  ])('refuses %s', async (_, run, message) => {
    const net = new Own(run)
    const before = await hashState(net.stateDict())
    const refused = encodeOnnx(net as nn.AnyModule, [2, 3])
    await expect(refused).rejects.toThrow(message)
    await expect(refused).rejects.toThrow(/Own|ONNX|batch/)
    expect(await hashState(net.stateDict())).toBe(before)
    expect(net.training).toBe(true)
  })

  it('refuses arguments that are none', async () => {
    const net = new nn.Linear(3, 2)
    const all: [unknown[], RegExp][] = [
      [[3, [1, 3]], /expected a net, got 3/],
      [[net, 'x'], /given as an example/],
      [[net, []], /Linear\(3, 2\): expected an input/],
      [[net, [2, 3], { opsets: 1 }], /unknown option 'opsets'/],
      [[net, [2, 3], { opset: 16 }], /opset is a whole number from 17 to 22/],
      [[net, [2, 3], { dynamicBatch: [3] }], /dynamicBatch is true, false/],
      [[net, [0, 3]], /batches of 0/],
      [[net, [2, 3], { inputNames: ['a', 'b'] }], /inputNames are 1 texts/],
      [[net, [2, 3], { metadata: { a: () => 1 } }], /JSON can't hold/],
      [[net, [2, 3], { foldBatchNorm: 1 }], /foldBatchNorm is true or false/],
    ]
    for (const [given, message] of all) {
      await expect(encodeOnnx(...(given as Parameters<typeof encodeOnnx>)), String(message)).rejects.toThrow(
        message,
      )
    }
    await expect(saveOnnx(3 as never, net, [2, 3])).rejects.toThrow(ArgumentError)
  })

  it('writes a custom function as what its forward computes', async () => {
    class Cube extends autograd.Function {
      static forward(_: autograd.FunctionContext, x: Tensor): Tensor {
        return x.mul(x).mul(x)
      }

      static backward(): null {
        return null
      }
    }
    const x = randn([2, 3])
    const bytes = await encodeOnnx(new Own((y) => Cube.apply(y)) as nn.AnyModule, x)
    const net = await loadOnnx(bytes)
    expect([...net.forward(x).toFloat32Array()]).toEqual([...x.mul(x).mul(x).toFloat32Array()])
  })
})

describe('loadOnnx', () => {
  const model = (changes: Partly<ModelProto['graph']>): Partly<ModelProto> => ({
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'g',
      node: [{ opType: 'Relu', name: 'first', input: ['x'], output: ['y'] }],
      input: [{ name: 'x', type: { value: { case: 'tensorType', value: { elemType: TYPES.float } } } }],
      output: [{ name: 'y' }],
      ...changes,
    },
  })
  const load = async (changes: Partly<ModelProto['graph']>) =>
    loadOnnx((await loadCodec()).encode(model(changes)))
  const node = (opType: string, more: object = {}) => ({
    node: [{ opType, name: 'it', input: ['x'], output: ['y'], ...more }],
  })

  it.each<[string, Partly<ModelProto['graph']>, RegExp]>([
    [
      'an unknown operator',
      node('NonMaxSuppression'),
      /the node 'it' \(NonMaxSuppression\) is an operator that is not read/,
    ],
    [
      'one of another domain',
      node('Relu', { domain: 'com.microsoft' }),
      /'com\.microsoft', whose operators are not read/,
    ],
    [
      'a graph in a node',
      node('Relu', { attribute: [{ name: 'then', type: ATTRIBUTES.graph }] }),
      /\(Relu\) is an operator that is not read/,
    ],
    [
      'a value that nothing gives',
      node('Relu', { input: ['z'] }),
      /takes "z", which nothing before it gives/,
    ],
    ['a value that is given twice', node('Relu', { output: ['x'] }), /gives "x" a second time/],
    ['an output that nothing gives', { output: [{ name: 'z' }] }, /nothing gives the output "z"/],
    ['no output', { output: [] }, /has no output/],
    ['no nodes', { node: [] }, /it has no graph/],
    [
      'an input of texts',
      { input: [{ name: 'x', type: { value: { case: 'tensorType', value: { elemType: TYPES.string } } } }] },
      /"x" is no tensor of numbers/,
    ],
    [
      'a weight in another file',
      { initializer: [{ name: 'w', dims: [1n], dataType: TYPES.float, dataLocation: 1 }] },
      /values in another file/,
    ],
    [
      'a weight with too few values',
      { initializer: [{ name: 'w', dims: [2n ** 40n], dataType: TYPES.float, rawData: new Uint8Array(4) }] },
      /has 1 values instead of/,
    ],
    [
      'a weight of texts',
      { initializer: [{ name: 'w', dims: [1n], dataType: TYPES.string }] },
      /type string, which are not read/,
    ],
    ['a constant that is too large', node('ConstantOfShape', { input: ['n'] }), /takes "n"/],
  ])('refuses %s', async (_, changes, message) => {
    const refused = load(changes)
    await expect(refused).rejects.toThrow(DataError)
    await expect(refused).rejects.toThrow(message)
  })

  it('makes nothing large of a small file', async () => {
    const size = (n: bigint) => ({
      name: 'n',
      dims: [1n],
      dataType: TYPES.int64,
      rawData: new Uint8Array(BigInt64Array.of(n).buffer),
    })
    await expect(
      load({ ...node('ConstantOfShape', { input: ['n'] }), initializer: [size(2n ** 40n)] }),
    ).rejects.toThrow(/larger than 16777216/)
    const net = await load({ ...node('Expand', { input: ['x', 'n'] }), initializer: [size(2n ** 33n)] })
    expect(() => net.forward(tensor([1]))).toThrow(/the node 'it' \(Expand\).*larger than/)
  })

  it('refuses an option that no operator asks for, each time, and not those that change nothing', async () => {
    const option = (name: string) => ({ attribute: [{ name, type: ATTRIBUTES.int, i: 1n }] })
    const net = await load(node('Relu', option('leaks')))
    for (let run = 0; run < 2; run++)
      expect(() => net.forward(tensor([1]))).toThrow(/the node 'it' \(Relu\): its option leaks is not read/)
    const same = await load(node('Dropout', option('seed')))
    expect([
      ...same
        .eval()
        .forward(tensor([2]))
        .toFloat32Array(),
    ]).toEqual([2])
  })

  it('refuses bytes that are no model', async () => {
    for (const bytes of [
      new Uint8Array(),
      new TextEncoder().encode('<html>'),
      new Uint8Array(100).fill(255),
    ]) {
      await expect(loadOnnx(bytes)).rejects.toThrow(/no ONNX model/)
    }
    await expect(loadOnnx('gone.onnx')).rejects.toThrow(/gone\.onnx can't be read/)
    await expect(loadOnnx(3 as never)).rejects.toThrow(ArgumentError)
  })

  it('names the node that can not compute its inputs, and takes as many as there are', async () => {
    const net = await loadOnnx(await encodeOnnx(new nn.Linear(3, 2), [2, 3]))
    expect(() => net.forward(randn([2, 4]))).toThrow(
      /the node '\/Gemm_0' \(Gemm\): linear: expected an input of 3 features/,
    )
    expect(() => net.forward()).toThrow(/expected 1 inputs \(input\), got 0/)
    expect(() => net.forward(randn([3]))).toThrow(/'input' has 2 dimensions/)
    expect(AutogradError).toBeDefined()
  })

  it('keeps names that are none of its own fields, and pollutes nothing', async () => {
    const weight = (name: string) => ({
      name,
      dims: [1n],
      dataType: TYPES.float,
      rawData: new Uint8Array(Float32Array.of(2).buffer),
    })
    const names = ['x.__proto__', 'constructor', 'forward', 'a', 'a.b', 'a..b', 'train.eval']
    const net = await load({ initializer: names.map(weight) })
    expect(Object.keys(net.stateDict())).toHaveLength(names.length)
    expect(({} as { b?: unknown }).b).toBeUndefined()
    expect(net.forward(tensor([-1, 1])).toArray()).toEqual([0, 1])
  })
})
