/**
 * Instantiates one of the binaries for the caller's own thread; the workers do the same for theirs. Plain JavaScript,
 * as they are. It takes the place of the glue that wasm-bindgen writes, which keeps one instance in a module variable
 * and so could not start again after a failed self-test.
 *
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory | undefined} memory the memory that a shared build imports
 * @returns {import('./wasm/bnkernels.js').InitOutput & { memory: WebAssembly.Memory }} the exports; `memory` is among
 * those of an unshared build
 */
export function instantiate(module, memory) {
  const { exports } = new WebAssembly.Instance(module, {
    './bnkernels_bg.js': {
      memory: /** @type {WebAssembly.Memory} */ (memory),
      // The table of JavaScript objects: the kernels take numbers only, so it stays empty.
      __wbindgen_init_externref_table() {},
    },
  })
  const kernels = /** @type {ReturnType<typeof instantiate>} */ (/** @type {unknown} */ (exports))
  kernels.__wbindgen_start(/** @type {number} */ (/** @type {unknown} */ (undefined)))
  return kernels
}
