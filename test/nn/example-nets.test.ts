/**
 * The nets of examples/ follow PyTorch through three steps of SGD with momentum from PyTorch's initial weights. The
 * answers of example-nets.json were computed in float64.
 */
import { decodeState, encodeState, nn, optim, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { EXAMPLE_NETS } from '../support/example-nets.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

type EncodedState = Record<string, Encoded>
type Options = Record<string, number>

interface NetCase {
  net: string
  options: Options
  loss: 'crossEntropy' | 'mseLoss' | 'binaryCrossEntropyWithLogits'
  lr: number
  momentum: number
  batches: { x: Encoded; y: Encoded }[]
  initial: EncodedState
  losses: number[]
  state: EncodedState
}

const cases = readFixture<NetCase[]>('example-nets.json')
const TOLERANCE = 1e-4

beforeAll(initForTest)

function netOf({ net, options, initial }: NetCase): nn.Module {
  const made = EXAMPLE_NETS[net](options)
  made.loadStateDict(
    Object.fromEntries(Object.entries(initial).map(([key, value]) => [key, decodeTensor(value)])),
  )
  return made
}

/** A language model's logits have a row for each character. */
function rowsOf(logits: Tensor, target: Tensor): Tensor {
  const each = logits.shape.length === 3 && target.shape.length === 1
  return each ? logits.reshape([-1, logits.shape[2]]) : logits
}

it('has the nets of the fixture, and the fixture theirs', () => {
  expect(cases.map(({ net }) => net)).toEqual(Object.keys(EXAMPLE_NETS))
})

describe.each(cases.map((each) => [each.net, each] as const))('%s', (_, each) => {
  it("has PyTorch's keys and shapes, and its state goes to a file and back", () => {
    const net = netOf(each)
    const own = Object.entries(net.stateDict()).map(([key, { shape }]) => [key, shape])
    expect(own).toEqual(Object.entries(each.initial).map(([key, { shape }]) => [key, shape]))
    const read = decodeState(encodeState(net.stateDict()))
    for (const [key, value] of Object.entries(each.initial)) {
      expect(read[key].toFloat32Array(), key).toEqual(decode(value))
    }
    EXAMPLE_NETS[each.net](each.options).loadStateDict(read)
  })

  it("gives PyTorch's losses and parameters through three steps", () => {
    const net = netOf(each).train()
    const optimizer = new optim.SGD(net.parameters(), { lr: each.lr, momentum: each.momentum })
    each.batches.forEach(({ x, y }, step) => {
      const target = decodeTensor(y)
      const loss = nn.functional[each.loss](rowsOf(net.forward(decodeTensor(x)), target), target)
      expectClose([loss.item()], [each.losses[step]], { tolerance: TOLERANCE, what: `loss ${step}` })
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
    })
    const state = net.stateDict()
    for (const [key, value] of Object.entries(each.state)) {
      // A bias whose gradient cancels, as in front of batch norm, stays at what rounding leaves.
      const scale = Math.max(largest(decode(value)), 1e-3)
      expectClose(state[key], decode(value), { tolerance: TOLERANCE, scale, what: `${key} at the end` })
    }
  })
})
