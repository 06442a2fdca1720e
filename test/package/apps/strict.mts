// What a strict project compiles that checks the declarations of its packages, too (skipLibCheck: false): every entry.
import { data, fit, InitError, init, nn, optim, type Tensor, tensor, type WasmSource } from 'simdgrad'
import { init as initInWorker } from 'simdgrad/cloudflare'
import * as distributed from 'simdgrad/distributed'
import * as exporting from 'simdgrad/export'
import { JOBS, type JobName } from 'simdgrad/nets'
import * as onnx from 'simdgrad/onnx'
import { trainInWorker } from 'simdgrad/train-in-worker'
import { serveTraining } from 'simdgrad/training-worker'
import wasm from 'simdgrad/wasm/strict-shared.wasm'

const source: WasmSource = wasm
await init({ wasm: source, threads: 1 }).catch((error: unknown) => {
  if (error instanceof InitError && error.code === 'out-of-memory') throw new Error(error.message)
})
const x: Tensor = tensor([[1, 2]])
const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU())
const history = await fit(net, {
  train: new data.DataLoader(new data.TensorDataset(x, tensor([1])), { batchSize: 1 }),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
  loss: new nn.CrossEntropyLoss(),
  epochs: 1,
})
const { threads }: { threads: number } = await initInWorker()
const name: JobName = threads > 1 ? 'mlp-bn' : 'mlp'
export const answer: [number | undefined, Tensor] = [
  history.epochs[0]?.trainLoss,
  JOBS[name].make().forward(x),
]
exporting.toJavaScript(net, { inputs: [1, 2], weights: 'int8' }) satisfies exporting.ExportedNet
const model: Promise<onnx.OnnxNet> = onnx.encodeOnnx(net, x).then(onnx.loadOnnx)
const training = trainInWorker('./worker.js', { settings: { epochs: 1 }, onEpoch: ({ epoch }) => epoch })
const state: Promise<Uint8Array> = training.result.then((result) => result.state)
export const later = [model, state, distributed, serveTraining]
