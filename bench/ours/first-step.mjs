// From nothing to the end of the first training step: load, choose a binary, start the threads, make a net.
import { init, nn, optim, rand, zeros } from '../../dist/index.node.js'
import { JOBS } from '../../dist/nets/index.node.js'

/** One step of the convolutional net with batch norm, on a batch of random images. */
export async function firstStep() {
  await init()
  const net = JOBS['cnn-bn'].make()
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = new nn.CrossEntropyLoss().forward(net.forward(rand([32, 1, 28, 28])), zeros([32]))
  loss.backward()
  optimizer.step()
  if (!Number.isFinite(loss.item())) throw new Error(`the loss is ${loss.item()}`)
}
