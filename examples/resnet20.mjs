// ResNet-20 (He et al., 2015) on CIFAR-10, where its files are given, or else on digits of 32 × 32 × 3.
//
//   node examples/resnet20.mjs                          2,560 digits, some 30 seconds
//   node examples/resnet20.mjs --images 512 --epochs 2
//   node examples/resnet20.mjs --cifar cifar-10-batches-bin --images 50000 --epochs 10
//
// Prints the net's parameters, and for each epoch the loss and the accuracy on test images:
//   272,474 parameters
//   epoch 1: loss 0.98, test accuracy 0.76
import { parseArgs } from 'node:util'
import { cat, data, fit, init, manualSeed, nn, optim } from 'simdgrad'
import { ResNet } from './nets/resnet20.mjs'

const { values } = parseArgs({
  options: {
    cifar: { type: 'string' },
    images: { type: 'string', default: '2560' },
    epochs: { type: 'string', default: '1' },
  },
})

await init()
manualSeed(0)
const { train, test } = values.cifar
  ? await data.cifar10({
      root: values.cifar,
      // As in the paper: a part of the image with 4 pixels around it, mirrored or not.
      transform: data.augment({ flip: 0.5, padding: 4 }),
      testTransform: data.normalize(0.5, 0.5),
    })
  : await data.mnist({
      transform: (x) => {
        const padded = nn.functional.pad(x.sub(0.5).mul(2), [2, 2, 2, 2], { value: -1 })
        return cat([padded, padded, padded], 1)
      },
    })

/** @param {data.ImageDataset} set @param {number} count */
const part = (set, count) =>
  new data.Subset(
    set,
    Array.from({ length: Math.min(count, set.length) }, (_, i) => i),
  )

const net = new ResNet()
const count = net.parameters().reduce((sum, { size }) => sum + size, 0)
console.log(`${count.toLocaleString('en')} parameters`)
await fit(net, {
  train: new data.DataLoader(part(train, Number(values.images)), { batchSize: 32, shuffle: true }),
  valid: new data.DataLoader(part(test, 320), { batchSize: 64 }),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.03, momentum: 0.9, weightDecay: 1e-4 }),
  loss: new nn.CrossEntropyLoss(),
  epochs: Number(values.epochs),
  onEpoch: ({ epoch, trainLoss, validAcc }) =>
    console.log(`epoch ${epoch + 1}: loss ${trainLoss.toFixed(2)}, test accuracy ${validAcc?.toFixed(2)}`),
})
