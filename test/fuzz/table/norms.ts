/** Normalisations of groups, of instances and by the root mean square. */
import * as normalise from '../../support/interpreter/normalise.js'
import type { Draw } from '../draw.js'
import type { Arg } from '../program.js'
import type { Table } from './entry.js'
import { optional, some } from './nets.js'

function groupNormArguments(d: Draw): Arg[] {
  const x = d.value(
    (v) => v.shape.length > 1,
    () => [d.batch(), d.between(1, 6), ...d.shape(0, 3)],
  )
  const c = d.known(x).shape[1]
  const groups = d.pick([1, 2, 3, 4, 5, 6, 7].filter((g) => c % g === 0))
  const affine = { weight: optional(d, [c]), bias: optional(d, [c]) }
  return [x, groups, { ...affine, ...some(d, { eps: d.pick([1e-5, 0.1]) }) }]
}

function instanceNormArguments(d: Draw): Arg[] {
  const x = d.value(
    (v) => v.shape.length > 2,
    () => [d.batch(), d.between(1, 5), ...d.shape(1, 3)],
  )
  const c = d.known(x).shape[1]
  const useInputStats = d.chance(0.7)
  const state = (kind: 'any' | 'positive') => d.leaf([c], { kind, state: true, requiresGrad: false })
  const running =
    useInputStats && d.chance(0.6) ? {} : { runningMean: state('any'), runningVar: state('positive') }
  const rest = some(d, { momentum: d.pick([0.1, 0.5, 1, 0]), eps: d.pick([1e-5, 0.1]) })
  const affine = { weight: optional(d, [c], 0.5), bias: optional(d, [c], 0.5) }
  return [x, { ...running, ...affine, ...rest, ...(useInputStats ? {} : { useInputStats }) }]
}

export const norms: Table = {
  groupNorm: { draw: groupNormArguments, twin: normalise.groupNorm },
  instanceNorm: { draw: instanceNormArguments, twin: normalise.instanceNorm },
  rmsNorm: {
    draw: (d) => {
      const x = d.value(
        (v) => v.shape.length > 0,
        () => d.shape(1),
      )
      const { shape } = d.known(x)
      const inner = shape.slice(d.below(shape.length))
      return [x, inner, { weight: optional(d, inner), ...some(d, { eps: d.pick([1e-5, 0.1, null]) }) }]
    },
    twin: normalise.rmsNorm,
  },
}
