/**
 * What a module of a user's stores can be read after `backward()`, and after noGrad, wherever the module stands
 * (fault 9): freeing early must know, and not guess, who may hold a tensor.
 */
import { nn, noGrad, randn, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** Stores what passes through it, with its values at that time. */
class Tap extends nn.Module {
  seen: Tensor[] = []
  values: Float32Array[] = []

  override forward(x: Tensor): Tensor {
    this.keep(x)
    return x
  }

  protected keep(x: Tensor): void {
    this.seen.push(x)
    this.values.push(x.toFloat32Array())
  }
}

/** Stores its input, and gives a view of it. */
class ViewTap extends Tap {
  override forward(x: Tensor): Tensor {
    this.keep(x)
    return x.reshape([x.shape[0], -1])
  }
}

/** Stores its input and its result. */
class WorkingTap extends Tap {
  override forward(x: Tensor): Tensor {
    const y = x.mul(2)
    this.keep(x)
    this.keep(y)
    return y
  }
}

/** A layer of the library's that stores what it is given. */
class TappedLinear extends nn.Linear {
  seen: Tensor | undefined

  override forward(x: Tensor): Tensor {
    this.seen = x
    return super.forward(x)
  }
}

const conv = () => new nn.Conv2d(3, 3, 3, { padding: 1 })
const IMAGE = [4, 3, 6, 6]

/** Where the tap stands, with the input's shape. */
const PLACES: [string, (tap: nn.Module) => nn.Module[], number[]][] = [
  ['first', (tap) => [tap, new nn.Linear(5, 3)], [7, 5]],
  ['between two Linears', (tap) => [new nn.Linear(5, 4), tap, new nn.Linear(4, 3)], [7, 5]],
  ['last', (tap) => [new nn.Linear(5, 4), tap], [7, 5]],
  ['after ReLU', (tap) => [new nn.Linear(5, 4), new nn.ReLU(), tap, new nn.Linear(4, 3)], [7, 5]],
  ['between convolutions', (tap) => [conv(), tap, conv()], IMAGE],
  ['before ReLU', (tap) => [conv(), tap, new nn.ReLU(), conv()], IMAGE],
  [
    'between batch norm and pooling',
    (tap) => [conv(), new nn.BatchNorm2d(3), tap, new nn.MaxPool2d(2)],
    IMAGE,
  ],
  ['between ReLU and pooling', (tap) => [conv(), new nn.ReLU(), tap, new nn.MaxPool2d(2), conv()], IMAGE],
  ['after Flatten', (tap) => [conv(), new nn.Flatten(), tap, new nn.Linear(108, 2)], IMAGE],
  ['before Flatten', (tap) => [conv(), tap, new nn.Flatten(), new nn.Linear(108, 2)], IMAGE],
  [
    'after a dropout that lets all pass',
    (tap) => [new nn.Linear(5, 4), new nn.Dropout(0), tap, new nn.ReLU(), new nn.Linear(4, 3)],
    [7, 5],
  ],
  [
    'before a dropout that lets all pass',
    (tap) => [new nn.Linear(5, 4), tap, new nn.Dropout(0), new nn.ReLU(), new nn.Linear(4, 3)],
    [7, 5],
  ],
  [
    'in an inner Sequential',
    (tap) => [new nn.Linear(5, 4), new nn.Sequential(new nn.ReLU(), tap), new nn.ReLU(), new nn.Linear(4, 3)],
    [7, 5],
  ],
  [
    'alone in an inner Sequential',
    (tap) => [conv(), new nn.Sequential(new nn.Sequential(tap)), new nn.ReLU(), conv()],
    IMAGE,
  ],
]
const TAPS: [string, () => Tap][] = [
  ['stores and returns its input', () => new Tap()],
  ['stores its input and result', () => new WorkingTap()],
]

function expectKept({ seen, values }: Tap): void {
  expect(seen.length).toBeGreaterThan(0)
  expect(seen.map((tensor) => tensor.toFloat32Array())).toEqual(values)
  // What was kept can also be computed with.
  for (const tensor of seen) expect(Number.isFinite(tensor.add(1).sum().item())).toBe(true)
}

describe.each(TAPS)('a module that %s', (_, make) => {
  it.each(PLACES)('%s: it can be read after backward', (_, around, shape) => {
    const tap = make()
    const net = new nn.Sequential(...around(tap))
    net.forward(randn(shape)).pow(2).mean().backward()
    expectKept(tap)
  })

  it.each(PLACES)('%s: it can be read after several steps', (_, around, shape) => {
    const tap = make()
    const net = new nn.Sequential(...around(tap))
    for (let step = 0; step < 5; step++) net.forward(randn(shape)).pow(2).mean().backward()
    expectKept(tap)
  })

  it.each(PLACES)('%s: it can be read after noGrad', (_, around, shape) => {
    const tap = make()
    const net = new nn.Sequential(...around(tap)).eval()
    noGrad(() => net.forward(randn(shape)))
    expectKept(tap)
  })
})

describe('a module that stores its input', () => {
  it('and gives a view of it keeps both', () => {
    const tap = new ViewTap()
    const net = new nn.Sequential(conv(), new nn.ReLU(), tap, new nn.Linear(108, 2))
    const y = net.forward(randn(IMAGE))
    y.sum().backward()
    expectKept(tap)
    expect(y.toFloat32Array()).toHaveLength(8)
  })

  it('may be derived from a layer', () => {
    const tapped = new TappedLinear(4, 3)
    const net = new nn.Sequential(new nn.Linear(5, 4), new nn.ReLU(), tapped, new nn.ReLU())
    net
      .forward(randn([7, 5]))
      .sum()
      .backward()
    expect(tapped.seen?.toFloat32Array()).toHaveLength(28)
  })

  it('may stand twice in a net', () => {
    const tap = new Tap()
    const net = new nn.Sequential(
      new nn.Linear(5, 4),
      tap,
      new nn.ReLU(),
      new nn.Dropout(0),
      tap,
      new nn.Linear(4, 3),
    )
    net
      .forward(randn([7, 5]))
      .sum()
      .backward()
    expect(tap.seen).toHaveLength(2)
    expectKept(tap)
  })

  it('may get what a module of the library got as well', () => {
    const tap = new Tap()
    class Fork extends nn.Module {
      branch = new nn.Sequential(new nn.ReLU(), new nn.Linear(4, 4))

      override forward(x: Tensor): Tensor {
        return this.branch.forward(x).add(tap.forward(x))
      }
    }
    const net = new nn.Sequential(new nn.Linear(5, 4), new Fork(), new nn.ReLU())
    net
      .forward(randn([7, 5]))
      .sum()
      .backward()
    expectKept(tap)
  })
})
