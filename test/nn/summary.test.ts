/** summary: numbers that one can work out by hand, the table, and a net that is as it was. */
import {
  ArgumentError,
  manualSeed,
  nn,
  noGrad,
  ones,
  randn,
  ShapeError,
  summary,
  type Tensor,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const cnn = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 6, 3, { padding: 1 }),
    new nn.BatchNorm2d(6),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(6 * 4 * 4, 10),
  )

class Shared extends nn.Module {
  first = new nn.Linear(4, 4)
  again = this.first
  list = new nn.ModuleList([new nn.ReLU()])
  gain = new nn.Parameter(ones([3]), false)

  override forward(x: Tensor, y: Tensor): { sum: Tensor; parts: [Tensor, Tensor] } {
    const [a, b] = [this.first.forward(x), this.again.forward(y)]
    return { sum: a.add(b), parts: [a, b] }
  }
}

const snapshot = (net: nn.AnyModule) => ({
  state: Object.entries(net.stateDict()).map(([name, x]) => [name, [...x.toFloat32Array()]]),
  modes: net.namedModules().map(([name, { training }]) => [name, training]),
  gradients: net.parameters().map(({ grad }) => grad && [...grad.toFloat32Array()]),
  own: net.namedModules().map(([, module]) => Object.getOwnPropertyNames(module)),
})

describe('summary', () => {
  it('counts shapes, parameters and multiply-adds as torchinfo', () => {
    const { rows, totals } = summary(cnn(), [2, 1, 8, 8])
    expect(rows.map(({ path, type, depth, index }) => [path, type, depth, index])).toEqual([
      ['', 'Sequential', 0, 1],
      ['0', 'Conv2d', 1, 1],
      ['1', 'BatchNorm2d', 1, 2],
      ['2', 'ReLU', 1, 3],
      ['3', 'MaxPool2d', 1, 4],
      ['4', 'Flatten', 1, 5],
      ['5', 'Linear', 1, 6],
    ])
    expect(rows.map(({ outputShapes }) => outputShapes)).toEqual([
      [[2, 10]],
      [[2, 6, 8, 8]],
      [[2, 6, 8, 8]],
      [[2, 6, 8, 8]],
      [[2, 6, 4, 4]],
      [[2, 96]],
      [[2, 10]],
    ])
    expect(rows.map(({ parameters }) => parameters)).toEqual([0, 60, 12, 0, 0, 0, 970])
    expect(rows.map(({ multAdds }) => multAdds)).toEqual([0, 60 * 2 * 64, 12 * 2, 0, 0, 0, 970 * 2])
    expect(totals).toEqual({
      parameters: 1042,
      trainableParameters: 1042,
      nonTrainableParameters: 0,
      multAdds: 7680 + 24 + 1940,
      inputBytes: 4 * 128,
      forwardBackwardBytes: 2 * 4 * (768 + 768 + 20),
      parameterBytes: 4 * 1042,
      totalBytes: 512 + 12448 + 4168,
    })
  })

  it('counts a module that stands twice once, and its work each time; several inputs and outputs', () => {
    const net = new Shared()
    const { rows, totals } = summary(net, [
      [5, 4],
      [5, 4],
    ])
    expect(rows.map(({ path, recursive, calls }) => [path, recursive, calls])).toEqual([
      ['', false, 1],
      ['first', false, 2],
      ['again', true, 2],
      ['list', false, 0],
      ['list.0', false, 0],
    ])
    expect(rows[0].outputShapes).toEqual([
      [5, 4],
      [5, 4],
      [5, 4],
    ])
    expect(rows[0].parameters).toBe(3)
    expect(totals.parameters).toBe(23)
    expect(totals.nonTrainableParameters).toBe(3)
    expect(totals.multAdds).toBe(2 * 5 * 20 + 5 * 3)
  })

  it('counts Linear for each row of a sequence', () => {
    expect(summary(new nn.Linear(4, 3), [2, 7, 4]).totals.multAdds).toBe(14 * 15)
  })

  it('takes tensors as they are', () => {
    const seen: number[] = []
    const net = new nn.ReLU()
    net.registerForwardHook((_, [x]) => void seen.push(...x.toFloat32Array()))
    summary(net, ones([2]))
    summary(net, [ones([1])])
    expect(seen).toEqual([1, 1, 1])
  })

  it('changes nothing: statistics, modes, gradients, fields, random numbers', () => {
    class Counts extends nn.Module {
      declare calls: Tensor
      constructor() {
        super()
        this.registerBuffer('calls', ones([1]))
      }

      override forward(x: Tensor): Tensor {
        this.calls.copy_(noGrad(() => this.calls.add(1)))
        return x.add(randn(x.shape))
      }
    }
    const net = new nn.Sequential(cnn(), new nn.Dropout(), new Counts())
    net
      .forward(randn([4, 1, 8, 8]))
      .sum()
      .backward()
    net.at(0)?.eval()
    const before = snapshot(net)
    manualSeed(3)
    summary(net, [3, 1, 8, 8])
    expect(snapshot(net)).toEqual(before)
    const after = randn([3]).toArray()
    manualSeed(3)
    expect(randn([3]).toArray()).toEqual(after)
  })

  it('changes nothing where the net throws, and throws that', () => {
    const net = cnn()
    const before = snapshot(net)
    expect(() => summary(net, [2, 3, 8, 8])).toThrow(ShapeError)
    expect(() => summary(net, [2, 3, 8, 8])).toThrow(/Conv2d/)
    expect(snapshot(net)).toEqual(before)
  })

  it('is a table where it is printed', () => {
    const net = new nn.Sequential(
      new nn.Sequential(new nn.Linear(784, 100), new nn.ReLU()),
      new nn.Linear(100, 10),
    )
    expect(String(summary(net, [64, 784]))).toBe(
      [
        '==========================================================================',
        'Layer (type:depth-idx)    Output Shape    Param #    Mult-Adds',
        '==========================================================================',
        'Sequential                [64, 10]        --         --',
        '├─Sequential: 1-1         [64, 100]       --         --',
        '│    └─Linear: 2-1        [64, 100]       78,500     5,024,000',
        '│    └─ReLU: 2-2          [64, 100]       --         --',
        '├─Linear: 1-2             [64, 10]        1,010      64,640',
        '==========================================================================',
        'Total params: 79,510',
        'Trainable params: 79,510',
        'Non-trainable params: 0',
        'Total mult-adds (M): 5.09',
        '==========================================================================',
        'Input size (MB): 0.20',
        'Forward/backward pass size (MB): 0.06',
        'Params size (MB): 0.32',
        'Estimated Total Size (MB): 0.58',
        '==========================================================================',
      ]
        .map((line) => line.replace(/^=+$/, '='.repeat(62)))
        .join('\n'),
    )
    expect(Object.keys(JSON.parse(JSON.stringify(summary(net, [1, 784]))))).toEqual(['rows', 'totals'])
  })

  it.each<[string, () => unknown, RegExp]>([
    ['no module', () => summary((() => 1) as never, [1]), /expected a Module/],
    ['no shape', () => summary(cnn(), undefined as never), /expected the shape/],
    ['a number', () => summary(cnn(), 28 as never), /expected the shape/],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(ArgumentError)
    expect(act).toThrow(message)
  })
})
