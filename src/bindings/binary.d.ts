import type { WasmSource } from './source.js'

/**
 * What `import wasm from 'simdgrad/wasm/strict-shared.wasm'` gives, which is the bundler's or the runtime's affair: a
 * module, bytes or an address. `init({ wasm })` takes each.
 */
declare const binary: WasmSource
export default binary
