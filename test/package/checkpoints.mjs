// Checkpoints and files in the file system that a browser keeps for a page's origin (OPFS): in real browsers, in the page
// and in a Worker.
import { inPageAndWorker } from './page-and-worker.mjs'

const MAIN = `
import { callbacks, data, fit, hashState, init, loadMetadata, loadSafetensors, manualSeed, nn, optim, randn, saveSafetensors } from 'simdgrad'

async function run(folder, stop) {
  manualSeed(1)
  const net = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Dropout(0.2), new nn.Linear(8, 1))
  const controller = new AbortController()
  const checkpoint = folder && new callbacks.Checkpoint(folder, { resume: true, everySteps: 3, keep: 2 })
  await fit(net, {
    train: new data.DataLoader(new data.TensorDataset(randn([64, 4]), randn([64, 1])), { batchSize: 8, shuffle: true }),
    optimizer: new optim.Adam(net.parameters()),
    loss: new nn.MSELoss(),
    epochs: 4,
    signal: controller.signal,
    callbacks: checkpoint ? [checkpoint, { onBatchEnd({ step }) { if (step === stop) controller.abort() } }] : [],
  })
  return { net, hash: await hashState(net.stateDict()), resumedFrom: checkpoint?.resumedFrom }
}

export async function main() {
  try {
    await init()
    const folder = 'runs/' + Math.random()
    const whole = await run()
    await run(folder, 13)
    const { net, hash, resumedFrom } = await run(folder)
    const path = folder + '/net.safetensors'
    await saveSafetensors(path, net.stateDict(), { metadata: { classes: ['a'] } })
    const loaded = await hashState(await loadSafetensors(path))
    const missing = await loadSafetensors('no/such.safetensors').catch((error) => String(error))
    const url = URL.createObjectURL(new Blob(['x']))
    const fetched = await loadSafetensors(new URL(url)).catch((error) => String(error))
    return { same: hash === whole.hash, resumedFrom, loaded: loaded === hash, classes: (await loadMetadata(path)).classes, missing, fetched }
  } catch (error) {
    return { error: String(error && error.stack || error) }
  }
}
`

export const checkpoints = () =>
  inPageAndWorker('checkpoints', {
    main: MAIN,
    does: 'go on',
    judge(result) {
      const { same, resumedFrom = '', loaded, classes, missing, fetched } = result
      const fits =
        same &&
        loaded &&
        classes === '["a"]' &&
        /checkpoint-0000000013\.safetensors$/.test(resumedFrom) &&
        /: no\/such\.safetensors can't be read: [^:]*$/.test(missing) &&
        /: blob:.*is no safetensors file/.test(fetched)
      if (!fits) throw new Error(JSON.stringify(result))
    },
  })
