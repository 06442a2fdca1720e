import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { mnist } from './mnist-plugin.js'
import { site } from './site-plugin.js'

// With these two headers a page gets SharedArrayBuffer, and so threads. Without them the demo runs too.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative, so that the built site works in any folder of any host.
  base: './',
  plugins: [mnist(), site()],
  // `simdgrad` is the package that this folder lies in: Node's self-reference finds its dist/. It brings
  // binaries and a worker by address, which pre-bundling would lose.
  optimizeDeps: { exclude: ['simdgrad'] },
  worker: { format: 'es' },
  server: { headers, fs: { allow: ['..'] } },
  preview: { headers },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    // What runs WebAssembly SIMD knows how to preload modules.
    modulePreload: { polyfill: false },
  },
})
