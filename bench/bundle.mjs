// What a bundler makes of the package for browsers: to weigh it, and to serve the page of runtimes.
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { here, root } from './environment.mjs'

/** The entry for browsers, where the session imports the one for Node. */
const webEntry = {
  name: 'web-entry',
  enforce: /** @type {const} */ ('pre'),
  /** @param {string} source */
  resolveId: (source) => (source.endsWith('/dist/index.node.js') ? here('../dist/index.js') : null),
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

/** Kilobytes (1000 bytes), gzip: all that the web entry exports, its worker, and the largest binary. */
export async function downloadSize() {
  const result = await build({
    ...COMMON,
    root,
    publicDir: false,
    build: {
      write: false,
      target: 'es2022',
      assetsInlineLimit: 0,
      rollupOptions: {
        input: here('../dist/index.js'),
        // Everything that is exported, used or not.
        preserveEntrySignatures: 'strict',
      },
    },
  })
  const { output } = /** @type {import('vite').Rollup.RollupOutput} */ (
    Array.isArray(result) ? result[0] : result
  )
  let [javascript, wasm] = [0, 0]
  for (const file of output) {
    const content = file.type === 'chunk' ? file.code : file.source
    if (file.fileName.endsWith('.wasm')) wasm = Math.max(wasm, gzipped(content))
    else if (/\.m?js$/.test(file.fileName)) javascript += gzipped(content)
  }
  if (wasm === 0 || javascript === 0) throw new Error('the bundle has no binary or no JavaScript')
  return { kilobytes: (javascript + wasm) / 1000, javascript, wasm }
}
