/** Mutated ONNX models: read, and run or refused with a typed error; nothing else is thrown, and nothing large is made. */
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { DataError, noGrad, SimdgradError, type Tensor, zeros } from 'simdgrad'
import { loadOnnx } from 'simdgrad/onnx'
import { beforeAll, expect, it } from 'vitest'
import { decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { CASES, mutated } from './mutate.js'

beforeAll(initForTest)

const cases = readFixture<{ net: string; kind: string; x: Encoded; model: string }[]>('onnx-files.json')
const files = cases
  .filter(({ net }) =>
    ['tabular', 'sensor-gru', 'batch-norms', 'mixed', 'plain', 'sequence', 'char-gpt'].includes(net),
  )
  .map(({ x, model }) => ({
    x: decodeTensor(x),
    bytes: new Uint8Array(gunzipSync(Buffer.from(model, 'base64'))),
  }))

it(`${CASES} models`, async () => {
  let [refused, failed, ran] = [0, 0, 0]
  const inputs = fc
    .nat(files.length - 1)
    .chain((i) => mutated([files[i].bytes]).map((bytes) => ({ bytes, x: files[i].x })))
  await fc.assert(
    fc.asyncProperty(inputs, async ({ bytes, x }) => {
      let net: Awaited<ReturnType<typeof loadOnnx>>
      try {
        net = (await loadOnnx<Tensor | Tensor[]>(bytes)) as never
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(SimdgradError)
        if (error instanceof DataError) expect(error.message).toMatch(/the given bytes|the node '/)
        return
      }
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
      try {
        const y: unknown = noGrad(() =>
          net.eval().forward(...net.inputNames.map((_, i) => (i === 0 ? x : zeros([1])))),
        )
        for (const one of [y].flat() as Tensor[]) {
          expect(one.toFloat32Array().length).toBe(one.shape.reduce((a, b) => a * b, 1))
        }
        ran++
      } catch (error) {
        failed++
        expect(error).toBeInstanceOf(SimdgradError)
      }
      for (const tensor of Object.values(net.stateDict())) tensor.dispose()
    }),
    { numRuns: CASES, seed: 31 },
  )
  expect(refused).toBeGreaterThan(CASES / 4)
  expect(failed).toBeGreaterThan(CASES / 200)
  expect(ran).toBeGreaterThan(CASES / 20)
})
