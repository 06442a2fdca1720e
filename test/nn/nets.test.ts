/**
 * Whole nets follow PyTorch through three steps of SGD with momentum, written with a `forward()` of their own and
 * with Sequentials. The answers of nets.json were computed in float64; the paths are such that float32's rounding
 * changes less than 1e-5 (see test/fixtures/net_runs.py).
 */
import { nn, noGrad, optim, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { NETS, type TwoWayNet } from '../support/nets.js'

type EncodedState = Record<string, Encoded>

interface NetCase {
  net: string
  lr: number
  momentum: number
  batches: { x: Encoded; labels: number[] }[]
  /** PyTorch's keys of the sequential way, to those of the other. */
  sequential: Record<string, string>
  initial: EncodedState
  losses: number[]
  /** Of the first step, or of each; a parameter without a gradient is missing. */
  gradients: EncodedState[]
  state: EncodedState
  /** Of the first batch, in evaluation, after the last step. */
  logits: Encoded
}

const cases = readFixture<NetCase[]>('nets.json')
const TOLERANCE = 1e-4

beforeAll(initForTest)

/** A case in one of its ways: what is trained, and PyTorch's keys of it to those of the fixture. */
interface Way {
  trained: nn.Module
  net: TwoWayNet
  keys: Record<string, string>
}

function inWay(way: string, each: NetCase): Way {
  const net = NETS[each.net]()
  if (way === 'Sequentials') return { trained: net.sequential(), net, keys: each.sequential }
  const own = Object.keys(each.initial)
  return { trained: net, net, keys: Object.fromEntries(own.map((key) => [key, key])) }
}

/** [N, classes], or of a net with logits for each pixel [N · H · W, classes]. */
function rowsOf(logits: Tensor): Tensor {
  if (logits.shape.length === 2) return logits
  return logits.permute([0, 2, 3, 1]).reshape([-1, logits.shape[1]])
}

/**
 * Gradients that cancel (as of a bias in front of batch norm) are rounding errors in float64 too: what they were
 * computed from is then the measure.
 */
function expectGradients(trained: nn.Module, keys: Way['keys'], expected: EncodedState, what: string) {
  const most = Math.max(...Object.values(expected).map((each) => largest(decode(each))))
  for (const [name, parameter] of trained.namedParameters()) {
    const key = keys[name]
    if (!(key in expected)) {
      expect(parameter.grad, `${what} of ${name}`).toBeNull()
      continue
    }
    const values = decode(expected[key])
    const own = largest(values)
    const scale = own < 1e-9 * most ? most : own
    expect(parameter.grad?.shape, `${what} of ${name}`).toEqual(expected[key].shape)
    expectClose(parameter.grad ?? [], values, { tolerance: TOLERANCE, scale, what: `${what} of ${name}` })
  }
}

it('has the nets of the fixture, and the fixture theirs', () => {
  expect(cases.map(({ net }) => net)).toEqual(Object.keys(NETS))
})

describe.each(cases.map((each) => [each.net, each] as const))('%s', (_, each) => {
  describe.each(['forward()', 'Sequentials'])('with %s', (way) => {
    it("has PyTorch's keys and shapes", () => {
      const { trained, keys } = inWay(way, each)
      const own = Object.entries(trained.stateDict()).map(([name, { shape }]) => [name, shape])
      expect(own).toEqual(Object.entries(keys).map(([name, key]) => [name, each.initial[key].shape]))
    })

    it("gives PyTorch's losses, gradients, statistics, parameters and logits", () => {
      const { trained, net, keys } = inWay(way, each)
      trained.loadStateDict(
        Object.fromEntries(
          Object.entries(keys).map(([name, key]) => [name, decodeTensor(each.initial[key])]),
        ),
      )
      trained.train()
      for (const module of net.frozen()) module.eval()
      const optimizer = new optim.SGD(trained.parameters(), { lr: each.lr, momentum: each.momentum })
      each.batches.forEach(({ x, labels }, step) => {
        const loss = nn.functional.crossEntropy(rowsOf(trained.forward(decodeTensor(x))), labels)
        expectClose([loss.item()], [each.losses[step]], { tolerance: TOLERANCE, what: `loss ${step}` })
        optimizer.zeroGrad()
        loss.backward()
        if (step < each.gradients.length) {
          expectGradients(trained, keys, each.gradients[step], `gradient ${step}`)
        }
        optimizer.step()
      })

      const state = trained.stateDict()
      for (const [name, key] of Object.entries(keys)) {
        expectClose(state[name], decode(each.state[key]), {
          tolerance: TOLERANCE,
          what: `${name} at the end`,
        })
      }
      trained.eval()
      const logits = noGrad(() => trained.forward(decodeTensor(each.batches[0].x)))
      expectClose(logits, decode(each.logits), { tolerance: TOLERANCE, what: 'logits in evaluation' })
    })
  })
})

it('leaves what is frozen as it was, to the bit', () => {
  const each = cases.find(({ net }) => net === 'FrozenNorm')
  if (!each) throw new Error('the fixture has no FrozenNorm')
  const frozen = ['bn1.running_mean', 'bn1.running_var', 'bn1.num_batches_tracked']
  const parameters = ['bn1', 'bn3'].flatMap((name) => [`${name}.weight`, `${name}.bias`])
  for (const key of [...frozen, ...parameters]) {
    expect(each.state[key], `${key} of the fixture`).toEqual(each.initial[key])
  }
  const { trained, net } = inWay('forward()', each)
  const before = Object.fromEntries(parameters.map((key) => [key, trained.stateDict()[key].toFloat32Array()]))
  for (const module of net.frozen()) module.eval()
  const optimizer = new optim.SGD(trained.parameters(), { lr: 0.5, momentum: 0.9, weightDecay: 0.1 })
  for (const { x, labels } of each.batches) {
    const loss = nn.functional.crossEntropy(trained.forward(decodeTensor(x)), labels)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
  }
  const state = trained.stateDict()
  for (const key of parameters) expect(state[key].toFloat32Array(), key).toEqual(before[key])
})
