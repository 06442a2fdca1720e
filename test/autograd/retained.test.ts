/** A graph that is retained gives the same again: for every operation, in every case that PyTorch has answered. */
import { autograd, nn, Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeTensor, type OperationCase, readFixture, resolve } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

const cases = readFixture<OperationCase[]>('operations.json').filter(({ cotangent }) => cotangent)

beforeAll(initForTest)

/** The result of a case. */
function outputOf({ op, target, args, part }: OperationCase, inputs: readonly Tensor[]): Tensor {
  const resolved = resolve(args, inputs) as unknown[]
  const owner: object = target === 'method' ? (resolved[0] as Tensor) : nn.functional
  const operation = Reflect.get(owner, op) as (...all: unknown[]) => unknown
  const all = operation.apply(owner, target === 'method' ? resolved.slice(1) : resolved)
  const result: unknown = part === undefined ? all : Reflect.get(all as object, part)
  if (!(result instanceof Tensor)) throw new Error(`${op} did not give a tensor`)
  return result
}

describe('a backward that retains the graph', () => {
  it.each([...new Set(cases.map(({ op }) => op))])('may come again: %s', (op) => {
    for (const each of cases.filter((one) => one.op === op)) {
      const { cotangent, name } = each
      if (!cotangent) continue
      const inputs = each.inputs.map((input) => decodeTensor(input, input.requiresGrad))
      const leaves = inputs.filter(({ requiresGrad }) => requiresGrad)
      const output = outputOf(each, inputs)
      const gradOutputs = decodeTensor(cotangent)
      const options = { gradOutputs, allowUnused: true }
      const again = () =>
        autograd
          .grad(output, leaves, { ...options, retainGraph: true })
          .map((gradient) => gradient && [...gradient.toFloat32Array()])
      const first = again()
      expect(again(), name).toEqual(first)
      output.backward(gradOutputs)
      expect(
        leaves.map(({ grad }) => grad && [...grad.toFloat32Array()]),
        name,
      ).toEqual(first)
      // In evaluation, dropout gives its input itself.
      if (output.producer) expect(again, name).toThrow(/was used already/)
    }
  })
})
