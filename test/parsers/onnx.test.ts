/** Mutated ONNX models: read, and run or refused with a typed error; nothing else is thrown, and nothing large is made. */
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { DataError, noGrad, SimdgradError, type Tensor, zeros } from 'simdgrad'
import { loadOnnx, type OnnxNet } from 'simdgrad/onnx'
import { beforeAll, expect, it } from 'vitest'
import { loadCodec, type ModelProto, TYPES } from '../../src/onnx/proto.js'
import { READ_OPERATORS } from '../../src/onnx/read/operators.js'
import { decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { CASES, mutated, SEED } from './mutate.js'

beforeAll(initForTest)

const cases = readFixture<{ net: string; kind: string; x: Encoded; model: string }[]>('onnx-files.json')
const files = cases
  .filter(({ net }) =>
    ['tabular', 'sensor-gru', 'batch-norms', 'mixed', 'plain', 'sequence', 'char-gpt'].includes(net),
  )
  .map(({ x, model }) => ({
    x: () => decodeTensor(x),
    bytes: new Uint8Array(gunzipSync(Buffer.from(model, 'base64'))),
  }))

const counts = { refused: 0, failed: 0, ran: 0 }

async function look({ bytes, x }: { bytes: Uint8Array; x: () => Tensor }): Promise<void> {
  let net: OnnxNet<Tensor | Tensor[]>
  try {
    net = await loadOnnx<Tensor | Tensor[]>(bytes)
  } catch (error) {
    counts.refused++
    expect(error).toBeInstanceOf(SimdgradError)
    if (error instanceof DataError) expect(error.message).toMatch(/the given bytes|the node '/)
    return
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  try {
    const inputs = net.inputNames.map((_, i) => (i === 0 ? x() : zeros([1])))
    const y = noGrad(() => net.eval().forward(...inputs))
    for (const one of [y].flat()) {
      expect(one.toFloat32Array().length).toBe(one.shape.reduce((a, b) => a * b, 1))
    }
    counts.ran++
  } catch (error) {
    counts.failed++
    expect(error).toBeInstanceOf(SimdgradError)
  }
  for (const tensor of Object.values(net.stateDict())) tensor.dispose()
}

it(`${CASES} models`, async () => {
  Object.assign(counts, { refused: 0, failed: 0, ran: 0 })
  const inputs = fc
    .nat(files.length - 1)
    .chain((i) => mutated([files[i].bytes]).map((bytes) => ({ bytes, x: files[i].x })))
  await fc.assert(fc.asyncProperty(inputs, look), { numRuns: CASES, seed: 31 + SEED })
  expect(counts.refused).toBeGreaterThan(CASES / 4)
  expect(counts.ran).toBeGreaterThan(CASES / 20)
})

/** One change of what a model says: of a node's operator, inputs or attributes, or of a weight's shape or type. */
function change(model: ModelProto, [what, where, which, value]: readonly number[]): void {
  const { graph } = model
  if (!graph) return
  const node = graph.node[where % graph.node.length]
  const attribute = node.attribute[which % Math.max(1, node.attribute.length)]
  const tensor = graph.initializer[where % graph.initializer.length]
  const number = [0, 1, -1, 2, 3, 7, 2 ** 31, -(2 ** 31), 2 ** 40, 255][value % 10]
  switch (what % 8) {
    case 0:
      node.opType = READ_OPERATORS[which % READ_OPERATORS.length]
      break
    case 1:
      if (attribute) attribute.i = BigInt(number)
      break
    case 2:
      if (attribute && attribute.ints.length > 0)
        attribute.ints[value % attribute.ints.length] = BigInt(number)
      else if (attribute) attribute.f = number
      break
    case 3:
      if (attribute) node.attribute.splice(which % node.attribute.length, 1)
      break
    case 4:
      node.input[which % Math.max(1, node.input.length)] = graph.node[value % graph.node.length].output[0]
      break
    case 5:
      node.input.splice(which % Math.max(1, node.input.length), 1)
      break
    case 6:
      if (attribute?.t) attribute.t.dims = [BigInt(number)]
      else tensor.dims[which % Math.max(1, tensor.dims.length)] = BigInt(number)
      break
    default: {
      // A constant of whole numbers: a shape, an axis.
      const whole = attribute?.t ?? tensor
      if (whole.dataType === TYPES.int64 && whole.rawData.length >= 8) {
        whole.rawData = whole.rawData.slice()
        new DataView(whole.rawData.buffer).setBigInt64(
          8 * (which % (whole.rawData.length / 8)),
          BigInt(number),
          true,
        )
      }
    }
  }
}

it(`${CASES} models with other nodes`, async () => {
  Object.assign(counts, { refused: 0, failed: 0, ran: 0 })
  const { decode, encode } = await loadCodec()
  const numbers = fc.tuple(fc.nat(7), fc.nat(), fc.nat(), fc.nat())
  const inputs = fc
    .tuple(fc.nat(files.length - 1), fc.array(numbers, { minLength: 1, maxLength: 3 }))
    .map(([i, changes]) => {
      const model = decode(files[i].bytes, 'it')
      for (const one of changes) change(model, one)
      return { bytes: encode(model), x: files[i].x }
    })
  await fc.assert(fc.asyncProperty(inputs, look), { numRuns: CASES, seed: 32 + SEED })
  expect(counts.refused).toBeGreaterThan(CASES / 10)
  expect(counts.failed).toBeGreaterThan(CASES / 10)
  expect(counts.ran).toBeGreaterThan(CASES / 20)
})
