/** Training as bytes, so that another worker can go on with it. */
import { decodeState, encodeState, type optim, type Tensor } from 'simdgrad'
import type { Checkpoint } from '../protocol.js'
import type { Trainee } from './trainee.js'

type Packed = Checkpoint['optimizers']['norm']

/** An optimiser's state: its tensors apart, each under a name that the JSON has in its place. */
export function packOptimizer(optimizer: optim.Optimizer): Packed {
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

export function unpackOptimizer(optimizer: optim.Optimizer, { json, tensors }: Packed): void {
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

export const packNet = ({ net }: Trainee): Uint8Array => encodeState(net.stateDict())

export function unpackNet({ net }: Trainee, bytes: Uint8Array): void {
  net.loadStateDict(decodeState(bytes, 'the checkpoint'))
}
