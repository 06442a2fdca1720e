// A convolutional net with batch normalisation: trained for an epoch, saved as safetensors, loaded again.
//
//   node examples/conv-bn-net.mjs
//   node examples/conv-bn-net.mjs --images 3200          only the first images of the training data
//   node examples/conv-bn-net.mjs --save net.safetensors (default: a temporary file)
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { data, fit, hashState, init, loadSafetensors, manualSeed, nn, optim, saveSafetensors } from 'simdgrad'
import { accuracy, first } from './shared/mnist.mjs'

const { values } = parseArgs({
  options: { images: { type: 'string', default: '60000' }, save: { type: 'string' } },
})

class ConvBnNet extends nn.Module {
  stage1 = new nn.Sequential(
    new nn.Conv2d(1, 6, 3, { padding: 1 }),
    new nn.BatchNorm2d(6),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(6, 16, 5),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
  )
  classify = new nn.Linear(400, 10)

  /**
   * @override
   * @param {import('simdgrad').Tensor} x [N, 1, 28, 28]
   */
  forward(x) {
    return this.classify.forward(this.stage1.forward(x).flatten(1))
  }
}

await init()
manualSeed(0)
const { train, test } = await data.mnist()
const net = new ConvBnNet()
const { epochs } = await fit(net, {
  train: new data.DataLoader(first(train, Number(values.images)), { batchSize: 32, shuffle: true }),
  valid: new data.DataLoader(test, { batchSize: 32 }),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
  loss: new nn.CrossEntropyLoss(),
})
const [{ trainLoss, validAcc, trainSeconds }] = epochs
console.log(
  `trained in ${trainSeconds.toFixed(2)} s: loss ${trainLoss.toFixed(4)}, validation accuracy ${validAcc?.toFixed(4)}`,
)

console.log("\nthe state dict, by PyTorch's names:")
for (const [name, { shape }] of Object.entries(net.stateDict()))
  console.log(`  ${name} [${shape.join(', ')}]`)

// PyTorch reads this file with safetensors.torch.load_file, and simdgrad reads one that PyTorch saved.
const folder = values.save ? undefined : await mkdtemp(join(tmpdir(), 'conv-bn-net-'))
const path = values.save ?? join(String(folder), 'net.safetensors')
await saveSafetensors(path, net.stateDict())
const again = new ConvBnNet()
again.loadStateDict(await loadSafetensors(path))
if (folder) await rm(folder, { recursive: true })

const same = (await hashState(again.stateDict())) === (await hashState(net.stateDict()))
console.log(
  `\nloaded again, validation accuracy ${accuracy(again.eval(), new data.DataLoader(test, { batchSize: 32 })).toFixed(4)}`,
)
console.log(`weights are the same to the bit: ${same}`)
