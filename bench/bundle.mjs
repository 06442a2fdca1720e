// What a bundler makes of the package for browsers: to weigh it, and to serve the page of runtimes.
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { here, root } from './environment.mjs'

/** The entries for browsers, where the session imports those for Node. */
const webEntry = {
  name: 'web-entry',
  enforce: /** @type {const} */ ('pre'),
  /** @param {string} source */
  resolveId: (source) => {
    const [, entry] = /\/dist\/(.*)\.node\.js$/.exec(source) ?? []
    return entry ? here(`../dist/${entry}.js`) : null
  },
}

/** @type {import('vite').InlineConfig} */
const COMMON = {
  configFile: false,
  logLevel: 'error',
  plugins: [webEntry],
  // Workers are modules, and start workers themselves.
  worker: { format: 'es', plugins: () => [webEntry] },
}

/**
 * Builds the page into a folder.
 *
 * @param {string} folder
 */
export async function bundlePage(folder) {
  await build({
    ...COMMON,
    root: here('page'),
    base: './',
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      rollupOptions: { input: [here('page/index.html'), here('page/first-step.html')] },
    },
  })
}

/** @param {string | Uint8Array} content */
const gzipped = (content) => gzipSync(content, { level: 9 }).length

/** A page that trains an MLP on data of its own: what is not named here, a bundler leaves out. */
const MLP_PAGE = `
import { data, fit, init, nn, optim, tensor } from '${here('../dist/index.js')}'
await init()
const net = new nn.Sequential(new nn.Linear(2, 32), new nn.ReLU(), new nn.Linear(32, 2))
const train = new data.DataLoader(new data.TensorDataset(tensor([[0, 1]]), tensor([1])), { shuffle: true })
await fit(net, { train, optimizer: new optim.SGD(net.parameters()), loss: new nn.CrossEntropyLoss() })
document.title = net.forward(tensor([[1, 0]])).softmax(1).toArray().join(' ')
`

const mlpPage = {
  name: 'mlp-page',
  /** @param {string} source */
  resolveId: (source) => (source === 'mlp-page' ? source : null),
  /** @param {string} id */
  load: (id) => (id === 'mlp-page' ? MLP_PAGE : null),
}

/** The part of the package that is bundled only where the whole binary is needed, and then makes `init` load it. */
const WHOLE = '/bindings/whole-kernels.generated.js'

/**
 * Bytes, gzip, of the JavaScript with its workers, and of the largest of the binaries between which `init` chooses:
 * those with the core kernels, or, where the page needs more, the whole ones.
 *
 * @param {'everything' | 'an MLP'} what all that the web entry exports, used or not, or a page with an MLP
 */
export async function downloadSize(what) {
  const result = await build({
    ...COMMON,
    plugins: [webEntry, mlpPage],
    root,
    publicDir: false,
    build: {
      write: false,
      target: 'es2022',
      assetsInlineLimit: 0,
      rollupOptions:
        what === 'everything'
          ? { input: here('../dist/index.js'), preserveEntrySignatures: 'strict' }
          : { input: 'mlp-page' },
    },
  })
  const { output } = /** @type {import('vite').Rollup.RollupOutput} */ (
    Array.isArray(result) ? result[0] : result
  )
  let [javascript, wasm] = [0, 0]
  const whole = output.some(
    (file) => file.type === 'chunk' && file.moduleIds.some((id) => id.endsWith(WHOLE)),
  )
  for (const file of output) {
    const content = file.type === 'chunk' ? file.code : file.source
    if (file.fileName.endsWith('.wasm')) {
      if (file.fileName.includes('-core') !== whole) wasm = Math.max(wasm, gzipped(content))
    } else if (/\.m?js$/.test(file.fileName)) javascript += gzipped(content)
  }
  if (wasm === 0 || javascript === 0) throw new Error('the bundle has no binary or no JavaScript')
  return { javascript, wasm, whole }
}
