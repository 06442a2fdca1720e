/** The code of “Take it home” in a Worker of simdgrad's own making: `fit`, as it stands there. */
import { data, nn } from 'simdgrad'
import { serveTraining } from 'simdgrad/training-worker'
import type { Settings } from '../settings.js'
import { DigitStream, type Digits } from './digits.js'
import { buildNet, buildOptimizer } from './nets.js'

/** What the page says: settings, whether the net has their norm, and where the digits are. */
export interface WholeRun {
  settings: Settings
  norm: boolean
  base: string
}

const datasetOf = ({ pixels, labels, count }: Digits) =>
  new data.ImageDataset({ shape: [count, 28, 28], data: pixels }, { shape: [count], data: labels })

serveTraining<WholeRun>(async ({ settings, norm, base }) => {
  let failure: string | undefined
  const digits = new DigitStream(base, (why) => {
    failure = why
  })
  await digits.fetch()
  if (failure !== undefined) throw new Error(`The digits could not be loaded (${failure})`)
  const net = buildNet(settings, norm ? settings.norm : undefined)
  return {
    net,
    train: new data.DataLoader(datasetOf(digits.train), {
      batchSize: settings.batch,
      shuffle: true,
      dropLast: true,
    }),
    valid: new data.DataLoader(datasetOf(digits.test), { batchSize: 250 }),
    optimizer: buildOptimizer(settings, net),
    loss: new nn.CrossEntropyLoss(),
    epochs: 1,
  }
})
