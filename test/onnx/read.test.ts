/** What PyTorch exports: read, it gives PyTorch's answers, for any batch, and can be trained on. */
import { gunzipSync } from 'node:zlib'
import { compile, nn, noGrad, optim, type Tensor, tensor } from 'simdgrad'
import { encodeOnnx, loadOnnx, type OnnxNet } from 'simdgrad/onnx'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectClose } from '../support/all-close.js'
import { decode, decodeTensor, type Encoded, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

const cases =
  readFixture<
    { net: string; kind: string; index: boolean; x: Encoded; y: Encoded; model: string; state: string[] }[]
  >('onnx-files.json')

const load = (model: string): Promise<OnnxNet> =>
  loadOnnx(new Uint8Array(gunzipSync(Buffer.from(model, 'base64'))))

describe.each(cases.map((one) => [`${one.net}, ${one.kind}`, one] as const))('%s', (_, {
  kind,
  x,
  y,
  model,
  state,
}) => {
  it("gives PyTorch's answers, for any batch", async () => {
    const net = (await load(model)).eval()
    const input = decodeTensor(x)
    const all = noGrad(() => net.forward(input))
    expect(all.shape).toEqual(y.shape)
    expectClose(all, decode(y), { tolerance: 1e-5, what: 'the output' })
    const [first, others] = [input.at([0, 2]), y.shape.slice(1).reduce((a, b) => a * b, 1)]
    const two = noGrad(() => net.forward(first))
    expectClose(two, decode(y).slice(0, 2 * others), { tolerance: 1e-5, what: 'two of them' })
  })

  it('is trained on: all that is a weight has a gradient, and the loss falls', async () => {
    const net = await load(model)
    const input = decodeTensor(x)
    const optimizer = new optim.Adam(net.parameters(), { lr: 0.003 })
    const target = decodeTensor(y).mul(0.5)
    const loss = new nn.MSELoss()
    const losses: number[] = []
    const step = compile((a: Tensor, b: Tensor) => {
      const value = loss.forward(net.forward(a), b)
      optimizer.zeroGrad()
      value.backward()
      optimizer.step()
      return value
    })
    for (let i = 0; i < 12; i++) losses.push(step(input, target).item())
    expect(net.parameters().length).toBeGreaterThan(0)
    for (const [name, parameter] of net.namedParameters()) expect(parameter.grad, name).not.toBeNull()
    expect(losses.at(-1)).toBeLessThan(losses[0])
    expect(step.report.replayed).toBeGreaterThan(5)
    // What was kept as it is has PyTorch's names.
    if (kind === 'kept') {
      const own = state.filter((name) => !name.endsWith('num_batches_tracked'))
      expect(Object.keys(net.stateDict())).toEqual(expect.arrayContaining(own))
    }
  })

  it('is exported again, and read again, with the same answers', async () => {
    const net = (await load(model)).eval()
    const input = decodeTensor(x)
    const again = (await loadOnnx(await encodeOnnx(net, input))).eval()
    expectClose(
      noGrad(() => again.forward(input)),
      decode(y),
      { tolerance: 1e-5, what: 'the output' },
    )
    expect(tensor([1]).item()).toBe(1)
  })
})
