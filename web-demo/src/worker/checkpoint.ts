/** Training as bytes, so that another worker can go on with it. */
import { decodeState, encodeState, type optim, type Tensor } from 'simdgrad'
import type { KeptNet } from '../protocol.js'
import type { Trainee } from './trainee.js'

type Packed = KeptNet['optimizer']

/** An optimiser's state: its tensors apart, each under a name that the JSON has in its place. */
function packOptimizer(optimizer: optim.Optimizer): Packed {
  const tensors: Record<string, Tensor> = {}
  const { state, param_groups } = optimizer.stateDict()
  const named = Object.fromEntries(
    Object.entries(state).map(([parameter, kept]) => [
      parameter,
      Object.fromEntries(
        Object.entries(kept).map(([name, value]) => {
          if (value === null || typeof value === 'number') return [name, value]
          const key = `${parameter}.${name}`
          tensors[key] = value
          return [name, { tensor: key }]
        }),
      ),
    ]),
  )
  return { json: JSON.stringify({ state: named, param_groups }), tensors: encodeState(tensors) }
}

function unpackOptimizer(optimizer: optim.Optimizer, { json, tensors }: Packed): void {
  const kept = decodeState(tensors, 'the checkpoint')
  const state: optim.OptimizerState = JSON.parse(json, (_, value: unknown) => {
    if (
      value !== null &&
      typeof value === 'object' &&
      'tensor' in value &&
      typeof value.tensor === 'string'
    ) {
      return kept[value.tensor]
    }
    return value
  })
  optimizer.loadStateDict(state)
}

export const pack = ({ net, optimizer, divergedAt }: Trainee): KeptNet => ({
  state: encodeState(net.stateDict()),
  optimizer: packOptimizer(optimizer),
  divergedAt,
})

export function unpack(trainee: Trainee, { state, optimizer, divergedAt }: KeptNet): void {
  trainee.net.loadStateDict(decodeState(state, 'the checkpoint'))
  unpackOptimizer(trainee.optimizer, optimizer)
  trainee.divergedAt = divergedAt
}
