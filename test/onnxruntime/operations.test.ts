/** Every case of operations.json, exported: onnxruntime gives what we do, or the operation is refused with its name. */
import { AutogradError, noGrad } from 'simdgrad'
import { encodeOnnx } from 'simdgrad/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectSame } from '../support/expect-same.js'
import { decodeTensor, type OperationCase, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { OperationNet } from '../support/operation-net.js'
import { runModel } from './runtime.js'

beforeAll(initForTest)

const cases = readFixture<OperationCase[]>('operations.json')

/**
 * What has no form in ONNX, in some cases at least: classes that nobody has counted, chance, losses that are one kernel or
 * compute their weights in JavaScript, running statistics that move.
 */
const REFUSED = new Set([
  ...['oneHot', 'nllLoss', 'dropout', 'crossEntropy', 'binaryCrossEntropy', 'batchNorm'],
])

/** onnxruntime's own norms, and its Softplus, lose digits there, however the graph says it. */
const isIllConditioned = ({ name }: OperationCase) =>
  /^(layer|group|instance)Norm mean far from zero|^binaryCrossEntropyWithLogits logit/.test(name)

describe.each([...new Set(cases.map(({ op }) => op))])('%s', (op) => {
  it('is exported', async () => {
    for (const each of cases.filter((one) => one.op === op)) {
      const net = new OperationNet(each)
      const inputs = each.inputs.map((input) => decodeTensor(input))
      if (isIllConditioned(each) || each.inputs.length === 0) continue
      const expected = noGrad(() => net.forward(...inputs.map((x) => x.detach())))
      let bytes: Uint8Array
      try {
        bytes = await encodeOnnx(
          net,
          each.inputs.map((input) => decodeTensor(input)),
          { dynamicBatch: false, ...(op.startsWith('maxUnpool') && { opset: 18 }) },
        )
      } catch (error) {
        expect(error, each.name).toBeInstanceOf(AutogradError)
        expect([...REFUSED], each.name).toContain(op)
        continue
      }
      for (const { by, outputs } of await runModel(bytes, inputs))
        expectSame(outputs[0], expected, `${each.name}, ${by}`)
    }
  })
})
