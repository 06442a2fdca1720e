/**
 * Every operation against PyTorch: the answers in operations.json were computed in float64 from the same
 * float32 inputs (see make_fixtures.py), with random cotangents.
 */
import { nn, Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { decode, decodeTensor, type OperationCase, readFixture, resolve } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

const cases = readFixture<OperationCase[]>('operations.json')

/** The largest errors, relative to the largest magnitude. No case needs a wider one, not even those far from 0. */
const FORWARD = 1e-5
const GRADIENTS = 1e-4

/** The operation of a case, as a function of its arguments. */
function operationOf({ op, target, args, part }: OperationCase): (tensors: readonly Tensor[]) => Tensor {
  return (tensors) => {
    const resolved = resolve(args, tensors) as unknown[]
    const owner: object = target === 'method' ? (resolved[0] as Tensor) : nn.functional
    const operation: unknown = Reflect.get(owner, op)
    if (typeof operation !== 'function') throw new Error(`there is no ${target} ${op}`)
    const all: unknown = operation.apply(owner, target === 'method' ? resolved.slice(1) : resolved)
    const result: unknown = part === undefined ? all : Reflect.get(all as object, part)
    if (!(result instanceof Tensor)) throw new Error(`${op} did not give a tensor`)
    return result
  }
}

beforeAll(initForTest)

describe.each([...new Set(cases.map(({ op }) => op))])('%s', (op) => {
  const own = cases.filter((each) => each.op === op)
  it.each(own.map((each) => [each.name, each] as const))('%s', (_, each) => {
    const inputs = each.inputs.map((input) => decodeTensor(input, input.requiresGrad))
    const output = operationOf(each)(inputs)
    expect(output.shape).toEqual(each.output.shape)
    expectClose(output, decode(each.output), { tolerance: FORWARD, what: 'output' })

    for (const [key, running] of Object.entries(each.expect ?? {})) {
      const options = each.args.at(-1) as Record<string, unknown>
      expectClose(resolve(options[key], inputs) as Tensor, decode(running), { tolerance: FORWARD, what: key })
    }

    expect(output.requiresGrad).toBe(each.cotangent !== null)
    if (!each.cotangent) return
    output.backward(decodeTensor(each.cotangent))
    const cotangent = largest(decode(each.cotangent))
    each.grads.forEach((expected, i) => {
      const { grad } = inputs[i]
      if (!expected) {
        expect(grad, `gradient ${i}`).toBeNull()
        return
      }
      expect(grad?.shape, `shape of gradient ${i}`).toEqual(expected.shape)
      const values = decode(expected)
      expectClose(grad ?? [], values, {
        tolerance: GRADIENTS,
        scale: scaleOf(values, cotangent),
        what: `gradient ${i}`,
      })
    })
  })
})

/** Where a gradient cancels to (nearly) nothing, errors are measured by what it was computed from. */
function scaleOf(gradient: Float32Array, cotangent: number): number {
  const own = largest(gradient)
  return own < 1e-3 * cotangent ? cotangent : own
}

/** What a tensor and nn.functional have besides operations. What changes a tensor in place ends in `_`, as in PyTorch. */
const NO_OPERATIONS = new Set([
  ...['constructor', 'item', 'toArray', 'toFloat32Array', 'toString', 'dispose', 'detach', 'backward'],
  ...['zeroGrad', 'correct', 'become', 'release'],
])
const isOperation = (name: string) => !NO_OPERATIONS.has(name) && !name.endsWith('_')

/** Every public operation, found where users find it; accessors are none. */
const methods = Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))
  .filter(([name, { value }]) => typeof value === 'function' && isOperation(name))
  .map(([name]) => name)
const functions = Object.entries(nn.functional)
  .filter(([name, value]) => typeof value === 'function' && isOperation(name))
  .map(([name]) => name)

const withCases = new Set(cases.map(({ op }) => op))
const withoutCase = (names: readonly string[]) => names.filter((name) => !withCases.has(name))

describe('the cases', () => {
  it('are of every operation that there is, as a method or in nn.functional', () => {
    expect(methods.length).toBeGreaterThan(20)
    expect(functions.length).toBeGreaterThan(10)
    expect(withoutCase([...methods, ...functions])).toEqual([])
  })

  it('are found wanting where an operation is new', () => {
    expect(withoutCase([...methods, 'brandNew'])).toEqual(['brandNew'])
  })

  it('are of no operation that is gone', () => {
    const known = new Set([...methods, ...functions])
    expect([...withCases].filter((op) => !known.has(op))).toEqual([])
  })
})

it.each(
  methods.filter((name) => functions.includes(name)),
)('%s is the same as a method and in nn.functional', (op) => {
  const each = cases.find((one) => one.op === op)
  if (!each) throw new Error(`no case is of ${op}`)
  const [method, functional] = (['method', 'functional'] as const).map((target) => {
    const inputs = each.inputs.map((input) => decodeTensor(input))
    return operationOf({ ...each, target })(inputs)
  })
  expect(functional.shape).toEqual(method.shape)
  expect(functional.toFloat32Array()).toEqual(method.toFloat32Array())
})
