/**
 * Ten steps of ConvBnNet on MNIST from PyTorch's initial weights follow PyTorch's losses. The rates are such
 * that PyTorch follows itself within 1e-5 (see TRAJECTORIES in make_fixtures.py).
 */
import { fileURLToPath } from 'node:url'
import { data, loadSafetensors, nn, optim } from 'simdgrad'
import { beforeAll, expect, it } from 'vitest'
import { expectClose, largest } from '../support/all-close.js'
import { ConvBnNet } from '../support/conv-bn-net.js'
import { fixturePath, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'

interface Trajectory {
  optimizer: { type: 'SGD' | 'Adam' | 'AdamW'; options: Record<string, number | boolean> }
  losses: number[]
  runningMean: Record<string, number[]>
}

const trajectories = readFixture<Trajectory[]>('trajectories.json')

beforeAll(initForTest)

it('has the four optimizers', () => {
  expect(
    trajectories.map(({ optimizer }) => `${optimizer.type} ${optimizer.options.nesterov ?? false}`),
  ).toEqual(['SGD false', 'SGD true', 'Adam false', 'AdamW false'])
})

it.each(
  trajectories.map(
    (each) => [`${each.optimizer.type} ${JSON.stringify(each.optimizer.options)}`, each] as const,
  ),
)('%s', async (_, { optimizer: { type, options }, losses, runningMean }) => {
  const { train } = await data.mnist()
  const net = new ConvBnNet()
  net.loadStateDict(await loadSafetensors(fileURLToPath(fixturePath('cnn-bn-initial.safetensors'))))
  const optimizer = new optim[type](net.parameters(), options)
  const criterion = new nn.CrossEntropyLoss()

  const values: number[] = []
  for (const [x, y] of new data.DataLoader(train, { batchSize: 32 })) {
    const loss = criterion.forward(net.forward(x), y)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    values.push(loss.item())
    if (values.length === losses.length) break
  }

  values.forEach((value, step) => {
    expectClose([value], [losses[step]], { tolerance: 1e-4, what: `loss of step ${step}` })
  })
  // A convolution's bias before batch norm has a gradient of rounding errors only. The losses do not depend on
  // it, but Adam divides by its size and moves it by ±lr each step, and the running mean moves along.
  const drift = type === 'SGD' ? 0 : losses.length * Number(options.lr)
  const state = net.stateDict()
  for (const [name, expected] of Object.entries(runningMean)) {
    const scale = largest(expected)
    expectClose(state[name], expected, { tolerance: 1e-4 + drift / scale, scale, what: name })
  }
  expect(state['stage1.1.num_batches_tracked'].item()).toBe(losses.length)
})
