// The same small net with batch norm, trained in every runtime and bundle: the hash of its weights must be the known one.
import { hashState, init, manualSeed, nn, noGrad, optim, randn } from 'simdgrad'

/** @param {import('simdgrad').InitOptions} options */
export async function train(options) {
  const { simd, threads, shared, kernels, reason, runtime } = await init(options)
  manualSeed(7)
  const net = new nn.Sequential(
    new nn.Conv2d(1, 4, 3, { padding: 1 }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(100, 33),
    new nn.BatchNorm1d(33),
    new nn.ReLU(),
    new nn.Linear(33, 5),
  )
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 })
  const loss = new nn.CrossEntropyLoss()
  // 37 is no multiple of the lanes.
  const labels = Array.from({ length: 37 }, (_, i) => i % 5)
  for (let step = 0; step < 8; step++) {
    const value = loss.forward(net.forward(randn([37, 1, 10, 10])), labels)
    optimizer.zeroGrad()
    value.backward()
    optimizer.step()
  }
  net.eval()
  const logits = noGrad(() => net.forward(randn([3, 1, 10, 10])))
  // A method that only autograd/methods.js gives: no bundler may shake it off.
  if (!Number.isFinite(logits.exp().sum().item())) throw new Error('the logits are not finite')
  return { simd, threads, shared, kernels, reason, runtime, hash: await hashState(net.stateDict()) }
}
