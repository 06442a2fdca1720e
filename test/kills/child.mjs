// A training with all that has a state, which main.mjs kills and starts again:
//   node test/kills/child.mjs FOLDER SEED THREADS [STOP]
// With STOP a signal ends it after so many updates. Prints a line when it begins, {"resumedFrom", "step"}, and one at its end, {"last", "best", "average", "figures"}.
import { callbacks, data, fit, hashState, init, manualSeed, metrics, nn, optim, tensor } from 'simdgrad'

const [folder, seed, threads, stop] = process.argv.slice(2)

await init({ threads: Number(threads), deterministic: true })
manualSeed(Number(seed))
const net = new nn.Sequential(
  new nn.Conv2d(1, 4, 3, { padding: 1 }),
  new nn.BatchNorm2d(4),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Dropout(0.2),
  new nn.Linear(4 * 6 * 6, 3),
)

/** Bars of three kinds on a ground of noise, made without a stream of random numbers. @param {number} n */
function bars(n) {
  const labels = Array.from({ length: n }, (_, i) => i % 3)
  const pixels = Float32Array.from({ length: n * 144 }, (_, at) => {
    const [i, row, column] = [Math.floor(at / 144), Math.floor((at % 144) / 12), at % 12]
    const on = [row === i % 12, column === i % 12, row === column][i % 3]
    return Number(on) + ((at * 7919) % 1013) / 1013
  })
  return new data.TensorDataset(tensor(pixels, { shape: [n, 1, 12, 12] }), tensor(labels))
}

const optimizer = new optim.AdamW(net.parameters(), { lr: 0.005 })
const average = new optim.swaUtils.AveragedModel(net, { decay: 0.95 })
const checkpoint = new callbacks.Checkpoint(folder, { everySteps: 1, resume: true, settings: { seed } })
const controller = new AbortController()
let last = ''
const history = await fit(net, {
  train: new data.DataLoader(bars(500), { batchSize: 20, shuffle: true }),
  valid: new data.DataLoader(bars(60), { batchSize: 20 }),
  optimizer,
  loss: new nn.CrossEntropyLoss({ weight: tensor([1, 2, 1]) }),
  scheduler: new optim.lrScheduler.ExponentialLR(optimizer, 0.9),
  epochs: 8,
  signal: controller.signal,
  metrics: { f1: new metrics.F1Score() },
  callbacks: [
    checkpoint,
    new callbacks.ClipGrad({ norm: 1 }),
    new callbacks.ModelAverage(average),
    new callbacks.EarlyStopping({ patience: 8 }),
    {
      last: true,
      onFitStart({ step }) {
        console.log(JSON.stringify({ resumedFrom: checkpoint.resumedFrom, step }))
      },
    },
    {
      onBatchEnd({ step }) {
        if (step === Number(stop)) controller.abort()
      },
    },
    {
      // Before the best weights come back: those of the last step.
      async onEpochEnd() {
        last = await hashState(net.stateDict())
      },
      stateDict: () => last,
      loadStateDict(/** @type {string} */ hash) {
        last = hash
      },
    },
  ],
})
const figures = history.epochs.map(({ trainLoss, validLoss, valid }) => [trainLoss, validLoss, valid?.f1])
console.log(
  JSON.stringify({
    last,
    best: await hashState(net.stateDict()),
    average: await hashState(average.averages()),
    figures,
  }),
)
