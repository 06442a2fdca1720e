// What is beside training, in real browsers: a net as an ONNX model and back, PyTorch's own file, a predictor, and a net as
// a file of plain JavaScript, which a page loads like any other; with Vite, webpack and in a static page, under a strict
// policy, in the page and in a Worker.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { viteBuild, webpackBuild } from './bundles.mjs'
import { check } from './checks.mjs'
import { freshProject, here, root } from './fresh.mjs'
import { HTML, PAGE, WORKER } from './page-and-worker.mjs'
import { browsers, resultOf } from './web.mjs'

const run = promisify(execFile)

/** A net, as Node and the page make it, to the bit. */
const NET = `
import { init, manualSeed, nn } from 'simdgrad'

export async function make(threads) {
  const backend = await init({ threads, deterministic: true })
  manualSeed(3)
  const net = new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Linear(8, 2))
  net.eval()
  return { backend, net }
}
`

const MAIN = `
import { loadPyTorch, noGrad, predictor, randn } from 'simdgrad'
import { toJavaScript } from 'simdgrad/export'
import { encodeOnnx, loadOnnx } from 'simdgrad/onnx'
import { make } from './net.js'
import { predict } from './predict.js'

export async function main() {
  try {
    const { backend, net } = await make(2)
    const x = randn([1, 4])
    const forward = (layer) => noGrad(() => layer.forward(x)).toArray()[0]
    const bytes = await encodeOnnx(net, x)
    const file = await (await fetch(new URL('/torch.pt', self.location.href))).arrayBuffer()
    const state = await loadPyTorch(new Uint8Array(file))
    const { code } = toJavaScript(net, { inputs: [1, 4] })
    return {
      threads: backend.threads,
      expected: forward(net),
      onnx: forward((await loadOnnx(bytes)).eval()),
      predictor: [...predictor(net, { inputs: [1, 4] }).predict(x.toFloat32Array())],
      exported: [...predict(x.toFloat32Array())],
      code,
      state: Object.entries(state).map(([name, { shape }]) => name + ' ' + shape),
    }
  } catch (error) {
    return { error: String(error && error.stack || error) }
  }
}
`

/** What Node writes of the same net. */
const WRITE = `
import { writeFileSync } from 'node:fs'
import { toJavaScript } from 'simdgrad/export'
import { make } from './net.js'

const { net } = await make(1)
writeFileSync('predict.js', toJavaScript(net, { inputs: [1, 4] }).code)
`

const torch = JSON.parse(readFileSync(here('../fixtures/torch-files.json'), 'utf8')).files.state
const STATE = Object.entries(torch.tensors).map(([name, { shape }]) => `${name} ${shape}`)

/** @param {string} name */
async function project(name) {
  const parts = { 'index.html': HTML, 'page.js': PAGE, 'worker.js': WORKER, 'main.js': MAIN, 'net.js': NET }
  const manifest = '{ "type": "module" }\n'
  const folder = freshProject(`entries ${name}`, [], {
    ...parts,
    ...{ 'write.mjs': WRITE, 'package.json': manifest },
  })
  // What simdgrad/onnx asks its users to install.
  const buf = 'node_modules/@bufbuild/protobuf'
  cpSync(join(root, buf), join(folder, buf), { recursive: true })
  await run(process.execPath, ['write.mjs'], { cwd: folder })
  return folder
}

/** What the package itself imports by name; an import map is a script, which the policy names by its hash. */
const MAP = JSON.stringify({
  imports: {
    '@bufbuild/protobuf': './node_modules/@bufbuild/protobuf/dist/esm/index.js',
    '@bufbuild/protobuf/codegenv2': './node_modules/@bufbuild/protobuf/dist/esm/codegenv2/index.js',
  },
})
const HASH = createHash('sha256').update(MAP).digest('base64')
const POLICY = {
  'Content-Security-Policy': `script-src 'self' 'wasm-unsafe-eval' 'sha256-${HASH}'; worker-src 'self'`,
}

/** @typedef {{ folder: string, places: string[] }} Site */
/** @type {Record<string, () => Promise<Site>>} */
const SITES = {
  Vite: async () => {
    const folder = await project('vite')
    await viteBuild(folder)
    return { folder: join(folder, 'dist'), places: ['page', 'worker'] }
  },
  webpack: async () => {
    const folder = await project('webpack')
    await webpackBuild(folder)
    return { folder: join(folder, 'dist'), places: ['page', 'worker'] }
  },
  // With addresses in the place of names. (A Worker has no import map.)
  'a static page': async () => {
    const folder = await project('static')
    const dist = './node_modules/simdgrad/dist'
    for (const file of ['main.js', 'net.js']) {
      const text = readFileSync(join(folder, file), 'utf8')
        .replace(/from 'simdgrad\/(.*?)'/g, `from '${dist}/$1/index.js'`)
        .replace("from 'simdgrad'", `from '${dist}/index.js'`)
      writeFileSync(join(folder, file), text)
    }
    const map = `<script type="importmap">${MAP}</script>\n<script type`
    writeFileSync(join(folder, 'index.html'), HTML.replace('<script type', map))
    return { folder, places: ['page'] }
  },
}

/** @param {any} result @param {string} code what Node wrote */
function judge(result, code) {
  if (result.error) throw new Error(result.error)
  const { threads, expected, onnx, predictor, exported, state } = result
  if (threads !== 2) throw new Error(`${threads} threads`)
  if (result.code !== code) throw new Error('the page writes another file than Node')
  if (state.join() !== STATE.join()) throw new Error(`PyTorch's file has ${state}`)
  for (const [name, values] of Object.entries({ onnx, predictor, exported })) {
    const near = (/** @type {number} */ value, /** @type {number} */ i) =>
      Math.abs(value - expected[i]) < 1e-5
    if (values.length !== 2 || !values.every(near)) throw new Error(`${name}: ${values}, not ${expected}`)
  }
}

export async function entries() {
  for (const [name, build] of Object.entries(SITES)) {
    /** @type {Site | undefined} */
    let site
    let code = ''
    await check(['entries', name, 'builds'], async () => {
      site = await build()
      code = readFileSync(join(site.folder, site.folder.endsWith('dist') ? '..' : '', 'predict.js'), 'utf8')
      writeFileSync(join(site.folder, 'torch.pt'), Buffer.from(torch.bytes, 'base64'))
      return ''
    })
    if (!site) continue
    const { folder, places } = site
    const { url, close } = await serve(files((path) => join(folder, path), { ...ISOLATION, ...POLICY }))
    for (const browser of await browsers()) {
      for (const where of places) {
        await check(['entries', browser.name, `${name}, a strict policy, in the ${where}`], async () => {
          const { result, tries } = await resultOf(browser, url, { where })
          judge(result, code)
          return `ONNX, PyTorch's file, a predictor, a file of JavaScript${tries}`
        })
      }
    }
    close()
  }
}
