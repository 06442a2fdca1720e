/** Every case of operations.json, exported: onnxruntime gives what we do, or the operation is refused with its name. */
import { AutogradError, nn, noGrad, Tensor } from 'simdgrad'
import { encodeOnnx } from 'simdgrad/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeTensor, type OperationCase, readFixture, resolve } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { expectSame } from './expect-same.js'
import { runModel } from './runtime.js'

beforeAll(initForTest)

const cases = readFixture<OperationCase[]>('operations.json')

/**
 * What has no form in ONNX here, in some cases at least: what JavaScript computes of a tensor's values, chance, losses that
 * are one kernel, and running statistics that move.
 */
const REFUSED = new Set([
  ...['oneHot', 'sort', 'argsort', 'topk', 'maxUnpool1d', 'maxUnpool2d', 'nllLoss', 'dropout'],
  ...['crossEntropy', 'binaryCrossEntropy', 'maxPool1d', 'maxPool2d', 'batchNorm'],
])

/** onnxruntime's own norms, and its Softplus, lose digits there, however the graph says it. */
const isIllConditioned = ({ name }: OperationCase) =>
  /^(layer|group|instance)Norm mean far from zero|^binaryCrossEntropyWithLogits logit/.test(name)

/** A net that is one operation. */
class Operation extends nn.Module<Tensor[]> {
  constructor(readonly own: OperationCase) {
    super()
  }

  forward(...tensors: Tensor[]): Tensor {
    const { op, target, args, part } = this.own
    const resolved = resolve(args, tensors) as unknown[]
    const owner: object = target === 'method' ? (resolved[0] as Tensor) : nn.functional
    const operation = Reflect.get(owner, op) as (...given: unknown[]) => unknown
    const all = operation.apply(owner, target === 'method' ? resolved.slice(1) : resolved)
    const result: unknown = part === undefined ? all : Reflect.get(all as object, part)
    if (!(result instanceof Tensor)) throw new Error(`${op} did not give a tensor`)
    return result
  }
}

describe.each([...new Set(cases.map(({ op }) => op))])('%s', (op) => {
  it('is exported', async () => {
    for (const each of cases.filter((one) => one.op === op)) {
      const net = new Operation(each)
      const inputs = each.inputs.map((input) => decodeTensor(input))
      if (isIllConditioned(each) || each.inputs.length === 0) continue
      const expected = noGrad(() => net.forward(...inputs.map((x) => x.detach())))
      let bytes: Uint8Array
      try {
        bytes = await encodeOnnx(
          net,
          each.inputs.map((input) => decodeTensor(input)),
          { dynamicBatch: false },
        )
      } catch (error) {
        expect(error, each.name).toBeInstanceOf(AutogradError)
        expect([...REFUSED], each.name).toContain(op)
        continue
      }
      const [got] = await runModel(bytes, inputs)
      expectSame(got, expected, each.name)
    }
  })
})
