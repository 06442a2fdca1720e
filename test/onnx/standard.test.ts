/**
 * The ONNX standard's own cases (test/fixtures/onnx_standard.py): each gives what the standard says, or is refused for a
 * reason that stands here; none gives anything else.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { noGrad, SimdgradError, Tensor } from 'simdgrad'
import { loadOnnx } from 'simdgrad/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { decode, decodeTensor, type Encoded, fixturePath } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const cases = JSON.parse(gunzipSync(readFileSync(fixturePath('onnx-standard.json.gz'))).toString()) as {
  name: string
  op: string
  model: string
  inputs: Encoded[]
  outputs: Encoded[]
}[]

/** Names of cases, and why they are refused. */
const REFUSED: readonly (readonly [RegExp, RegExp])[] = [
  [/./, /is computed from the values of the net's inputs/],
  [/^not_/, /its operators are of version \d+; from \d+ on they are read/],
  [/^pow/, /its exponent is no single number/],
  [/^scatter_elements/, /its reduction is another than 'add'/],
  [/^arg(max|min).*last_index/, /it selects the last of equals/],
  [/^resize/, /it resizes (by '|\[)|it smooths what it makes smaller|it keeps the ratio of its sides/],
  [/pool_3d|^convtranspose_3d/, /sequences \[N, C, L\] and images \[N, C, H, W\] are read/],
  [/^averagepool.*dilations/, /it has dilated windows of means/],
  [/^convtranspose/, /it has an output_shape/],
  [/^maxpool_with_argmax/, /it gives places of windows whose padding differs/],
  [/^gru/, /it resets before the product/],
  [/batchwise$/, /its option layout is not read/],
  [/^lstm_with_peepholes/, /it has sequences of different lengths/],
  [/^cumsum.*exclusive/, /it leaves each own element out/],
  [/^reduce_(max|min)_empty_set/, /there is nothing to choose from/],
  [/^gather.*negative_indices$/, /expected a whole number from 0 to/],
  [/mask|training_mode|^layer_normalization/, /nothing gives the output/],
]

/** What is given otherwise, on purpose or not worth its cost. */
const OTHERWISE = new Map([
  ['training_dropout_default, constants', 'whether it trains the net says, not the file'],
  ['training_dropout, constants', 'whether it trains the net says, not the file'],
  [
    'maxunpool_export_with_output_shape, constants',
    'places count through the output, as in onnxruntime and PyTorch',
  ],
  ['mod_float_edge_cases_fmod_0_float32', 'the rest of a division by infinity is NaN'],
  ['mod_float_edge_cases_fmod_0_float64', 'the rest of a division by infinity is NaN'],
])

/** Where a value is another one: more than 1e-4 off (the standard writes some down to four places), or of another kind. */
function firstOther(got: Float32Array, expected: Float32Array): string {
  const isOther = (a: number, b: number) =>
    !Object.is(a, b) && a !== b && !(Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(b)))
  const at = expected.findIndex((value, i) => isOther(got[i], value))
  return at < 0 ? '' : `element ${at} is ${got[at]}, expected ${expected[at]}`
}

/** What is wrong with a case's answer: '' where nothing is. */
async function difference(one: (typeof cases)[number]): Promise<string> {
  const net = (await loadOnnx(new Uint8Array(Buffer.from(one.model, 'base64')))).eval()
  const result: Tensor | readonly Tensor[] = noGrad(() =>
    net.forward(...one.inputs.map((input) => decodeTensor(input))),
  )
  const outputs = result instanceof Tensor ? [result] : result
  const wrong = one.outputs.flatMap((expected, i) => {
    const shapes = [outputs[i].shape, expected.shape].map((shape) => `[${shape}]`)
    if (shapes[0] !== shapes[1]) return [`output ${i} is ${shapes[0]}, expected ${shapes[1]}`]
    return firstOther(outputs[i].toFloat32Array(), decode(expected))
  })
  return wrong.join(' ').trim()
}

const refusals = new Set<RegExp>()
let right = 0

describe.each([...new Set(cases.map(({ op }) => op))].sort())('%s', (op) => {
  it('is as the standard has it, or refused', async () => {
    for (const one of cases.filter((each) => each.op === op)) {
      const { name } = one
      try {
        const wrong = await difference(one)
        if (OTHERWISE.has(name)) expect(wrong, name).not.toBe('')
        else expect(wrong, name).toBe('')
        right++
      } catch (error) {
        if (!(error instanceof SimdgradError)) throw error
        const reason = REFUSED.find(([names, text]) => names.test(name) && text.test(error.message))
        expect(reason, `${name}: ${error.message}`).toBeDefined()
        if (reason) refusals.add(reason[0])
      }
    }
  })
})

it('most are read, and every reason to refuse one is needed', () => {
  expect(right).toBeGreaterThan(500)
  expect(REFUSED.filter(([names]) => !refusals.has(names)).map(String)).toEqual([])
})
