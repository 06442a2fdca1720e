// The ready-made training Worker in real browsers: with Vite, webpack and in a static page, under a strict policy; a Worker
// that stands still is replaced, and the weights are those of one that did not.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { viteBuild, webpackBuild } from './bundles.mjs'
import { check } from './checks.mjs'
import { freshProject } from './fresh.mjs'
import { browsers, POLICY, resultOf } from './web.mjs'

const HTML = `<!doctype html>
<link rel="icon" href="data:,">
<script type="module" src="./page.js"></script>
`

const PAGE = `
import { trainInWorker } from 'simdgrad/train-in-worker'

const row = { values: Float32Array.from([1, -1, 0.5, 2]), shape: [1, 4] }
async function run(hang) {
  const epochs = []
  let progress = 0
  const training = trainInWorker(MAKE, {
    settings: { hang },
    everySteps: 2,
    timeout: hang === undefined ? 60000 : 2000,
    maxReplacements: 20,
    onEpoch: ({ epoch }) => epochs.push(epoch),
    onProgress: () => progress++,
  })
  const early = await training.predict(row)
  const { history, state, replaced } = await training.result
  training.close()
  const sum = await crypto.subtle.digest('SHA-256', state)
  return { epochs: history.epochs.length, heard: epochs.length, shape: early[0].shape.join(), replaced, sum: new Uint8Array(sum).join() }
}
async function main() {
  const controller = new AbortController()
  const aborted = trainInWorker(MAKE, { settings: { epochs: 1000000 }, signal: controller.signal, onEpoch: () => controller.abort() })
  const { history } = await aborted.result
  aborted.close()
  return { aborted: history.aborted, whole: await run(), broken: await run(13) }
}
main().then((result) => { globalThis.result = result }, (error) => { globalThis.result = { error: String(error && error.stack || error) } })
`

/** Stands still once: the next one goes on from a checkpoint after it. */
const WORKER = `
import { data, manualSeed, nn, optim, randn } from 'simdgrad'
import { serveTraining } from 'simdgrad/training-worker'

serveTraining(({ hang, epochs = 4 }) => {
  manualSeed(1)
  const net = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Dropout(0.2), new nn.Linear(8, 1))
  const began = { step: undefined }
  return {
    net,
    train: new data.DataLoader(new data.TensorDataset(randn([64, 4]), randn([64, 1])), { batchSize: 8, shuffle: true }),
    optimizer: new optim.Adam(net.parameters()),
    loss: new nn.MSELoss(),
    epochs,
    callbacks: [{ onBatchEnd({ step }) {
      began.step ??= step
      if (step === hang && began.step === 1) for (;;);
    } }],
  }
}, { init: { threads: 1, deterministic: true } })
`

const LITERAL = "() => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })"
const parts = (/** @type {string} */ make) => ({
  'index.html': HTML,
  'page.js': PAGE.replaceAll('MAKE', make),
  'worker.js': WORKER,
})

/** @type {Record<string, () => Promise<string>>} the folder that is served */
const SITES = {
  Vite: async () => {
    const folder = freshProject('train-in-worker vite', [], parts(LITERAL))
    await viteBuild(folder)
    return join(folder, 'dist')
  },
  webpack: async () => {
    const folder = freshProject('train-in-worker webpack', [], parts(LITERAL))
    await webpackBuild(folder)
    return join(folder, 'dist')
  },
  'a static page': async () => {
    // By the script's URL, and with the package's files by theirs.
    const folder = freshProject(
      'train-in-worker static',
      [],
      parts("new URL('./worker.js', import.meta.url)"),
    )
    for (const name of ['page.js', 'worker.js']) {
      const path = join(folder, name)
      const dist = './node_modules/simdgrad/dist'
      const text = readFileSync(path, 'utf8')
        .replace(/from 'simdgrad\/(.*?)'/g, `from '${dist}/in-worker/$1.js'`)
        .replace("from 'simdgrad'", `from '${dist}/index.js'`)
      writeFileSync(path, text)
    }
    return folder
  },
}

export async function trainInWorker() {
  for (const [name, build] of Object.entries(SITES)) {
    let folder = ''
    await check(['train-in-worker', name, 'builds'], async () => {
      folder = await build()
      return ''
    })
    if (!folder) continue
    const { url, close } = await serve(files((path) => join(folder, path), { ...ISOLATION, ...POLICY }))
    for (const browser of await browsers()) {
      await check(['train-in-worker', browser.name, `${name}, under a strict policy`], async () => {
        const { result, tries } = await resultOf(browser, url, { where: 'worker' })
        const { aborted, whole, broken } = result
        const fits =
          aborted === true &&
          whole.replaced === 0 &&
          broken.replaced >= 1 &&
          whole.sum === broken.sum &&
          [whole, broken].every(({ epochs, shape }) => epochs === 4 && shape === '1,1') &&
          whole.heard === 4
        if (!fits) throw new Error(JSON.stringify(result))
        return `the same weights after ${broken.replaced} replaced${tries}`
      })
    }
    close()
  }
}
