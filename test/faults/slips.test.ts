/**
 * Calls that can't be right, all over the public surface: each throws an error of ours that names the function and
 * says what was expected, whatever TypeScript would have said to them.
 */
import * as simdgrad from 'simdgrad'
import { callbacks, data, metrics, nn, optim, SimdgradError, Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'
import { CALLBACKS } from './slips/callbacks.js'
import { FUNCTIONS } from './slips/functions.js'
import { INDEXING } from './slips/indexing.js'
import { LAYERS } from './slips/layers.js'
import { LOSSES } from './slips/losses.js'
import { OPTIMIZER_METHODS, SCHEDULER_METHODS, SCHEDULERS } from './slips/optim.js'
import { SEQUENCES } from './slips/sequences.js'
import { nameOf, run, type Slip, textOf } from './slips/slip.js'
import { MAKING, METHODS } from './slips/tensors.js'
import { DATA, FILES, LOOPS, OPTIMIZERS } from './slips/training.js'

const SLIPS: Record<string, Slip[]> = {
  'making tensors': MAKING,
  'methods of a tensor': METHODS,
  'nn.functional': FUNCTIONS,
  'picking, rearranging and scanning': INDEXING,
  'layers and modules': LAYERS,
  losses: LOSSES,
  'layers of sequences': SEQUENCES,
  optimizers: [...OPTIMIZERS, ...OPTIMIZER_METHODS],
  'schedulers, averages and clipping': [...SCHEDULERS, ...SCHEDULER_METHODS],
  loops: LOOPS,
  'metrics and callbacks': CALLBACKS,
  data: DATA,
  'files and init': FILES,
}
const all = Object.values(SLIPS).flat()

beforeAll(initForTest)

/** What a call threw, at once or as a promise; undefined where it threw nothing. */
async function thrownBy(slip: Slip): Promise<unknown> {
  try {
    await run(slip)
  } catch (error) {
    return error
  }
  return undefined
}

describe.each(Object.entries(SLIPS))('%s', (_, slips) => {
  it.each(slips.map((slip) => [textOf(slip), slip] as const))('%s', async (_, slip) => {
    const [, , expects, { error = SimdgradError } = {}] = slip
    const thrown = await thrownBy(slip)
    expect(thrown).toBeInstanceOf(SimdgradError)
    expect(thrown).toBeInstanceOf(error)
    const { message } = thrown as Error
    expect(message).toMatch(nameOf(slip))
    expect(message).toMatch(expects)
  })
})

describe('the slips', () => {
  /** They take no argument, or users never call them; ModuleList's slips are in its own tests. */
  const NOTHING_TO_GET_WRONG = new Set([
    ...['memory', 'Tensor', 'nn.Module', 'nn.ModuleList', 'optim.Optimizer', 'optim.lrScheduler.LRScheduler'],
    ...['neg', 'abs', 'sqrt', 'exp', 'log', 'relu', 'sigmoid', 'tanh'].map((name) => `Tensor.${name}`),
    ...['sin', 'cos', 'erf', 'floor', 'ceil', 'round', 'sign', 'rsqrt', 'reciprocal', 'log1p'].map(
      (name) => `Tensor.${name}`,
    ),
    ...['silu', 'hardswish', 'mish', 'relu6', 'clone'].map((name) => `Tensor.${name}`),
    ...['detach', 'toArray', 'toFloat32Array', 'toString', 'dispose', 'zeroGrad'].map(
      (name) => `Tensor.${name}`,
    ),
    ...['constructor', 'toRows_', 'become', 'release'].map((name) => `Tensor.${name}`),
    ...['nn.AnyModule', 'getRngState'],
    ...['MeanAbsoluteError', 'MeanSquaredError', 'R2Score'].map((name) => `metrics.${name}`),
  ])

  const isError = (value: unknown) => typeof value === 'function' && value.prototype instanceof SimdgradError
  const functionsOf = (owner: object, prefix: string) =>
    Object.entries(owner)
      .filter(([, value]) => typeof value === 'function' && !isError(value) && value !== SimdgradError)
      .map(([name]) => prefix + name)
  const surface = [
    ...functionsOf(simdgrad, ''),
    ...functionsOf(nn, 'nn.'),
    ...functionsOf(nn.functional, 'nn.functional.'),
    ...functionsOf(optim, 'optim.'),
    ...functionsOf(optim.lrScheduler, 'optim.lrScheduler.'),
    ...functionsOf(optim.swaUtils, 'optim.swaUtils.'),
    ...functionsOf(nn.utils, 'nn.utils.'),
    ...functionsOf(data, 'data.'),
    ...functionsOf(metrics, 'metrics.'),
    ...functionsOf(callbacks, 'callbacks.'),
    ...Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))
      .filter(([, { value }]) => typeof value === 'function')
      .map(([name]) => `Tensor.${name}`),
  ]

  it('are many, and no two are the same', () => {
    const texts = all.map(textOf)
    expect(new Set(texts).size).toBe(texts.length)
    expect(texts.length).toBeGreaterThan(250)
  })

  it('are of everything public that takes arguments', () => {
    const tried = new Set(all.map(([of]) => of.replace(/\.forward$/, '')))
    expect(surface.length).toBeGreaterThan(70)
    expect(surface.filter((name) => !tried.has(name) && !NOTHING_TO_GET_WRONG.has(name))).toEqual([])
  })
})
