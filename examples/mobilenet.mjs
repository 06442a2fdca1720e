// A small MobileNetV2 (Sandler et al., 2018), with depthwise convolutions, on MNIST.
//
//   node examples/mobilenet.mjs                   12,800 digits, some 10 seconds
//   node examples/mobilenet.mjs --images 60000
//
// Prints what each layer makes and costs, and then:
//   test accuracy 0.95 after 200 steps of 32 images
import { parseArgs } from 'node:util'
import { data, fit, init, manualSeed, nn, optim, summary } from 'simdgrad'
import { MobileNet } from './nets/mobilenet.mjs'
import { first } from './shared/mnist.mjs'

const { values } = parseArgs({ options: { images: { type: 'string', default: '12800' } } })

await init()
manualSeed(0)
const { train, test } = await data.mnist()
const net = new MobileNet()
console.log(String(summary(net, [1, 1, 28, 28])))
const loader = new data.DataLoader(first(train, Number(values.images)), { batchSize: 32, shuffle: true })
const optimizer = new optim.AdamW(net.parameters(), { lr: 3e-3 })
const { epochs } = await fit(net, {
  train: loader,
  valid: new data.DataLoader(first(test, 2000), { batchSize: 100 }),
  optimizer,
  loss: new nn.CrossEntropyLoss({ labelSmoothing: 0.05 }),
})
console.log(
  `test accuracy ${epochs[0].validAcc?.toFixed(2)} after ${loader.length} steps of ${loader.batchSize} images`,
)
