/**
 * The stack that each worker gets, in bytes: kernels keep their arrays on the heap.
 */
const WORKER_STACK = 1 << 20

/**
 * Instantiates one of the four binaries. Plain JavaScript, because workers run it as it is, from the
 * sources as well as from the package. It takes the place of the glue that wasm-bindgen writes, which
 * keeps one instance in a module variable and so could not start again after a failed self-test.
 *
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory | undefined} memory the memory that a shared build imports
 * @param {boolean} worker whether this is a worker's instance, with a stack of its own
 * @returns {import('./wasm/bnkernels.js').InitOutput & { memory?: WebAssembly.Memory }}
 */
export function instantiate(module, memory, worker) {
  /** @type {Record<string, WebAssembly.ModuleImports>} */
  const imports = {}
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {}
    if (kind === 'memory' && memory) imports[from][name] = memory
    // The table of JavaScript objects: the kernels take numbers only, so it stays empty.
    else imports[from][name] = () => {}
  }
  const { exports } = new WebAssembly.Instance(module, imports)
  const kernels = /** @type {import('./wasm/bnkernels.js').InitOutput} */ (/** @type {unknown} */ (exports))
  if (memory && worker) kernels.__wbindgen_start(WORKER_STACK)
  else kernels.__wbindgen_start(/** @type {number} */ (/** @type {unknown} */ (undefined)))
  return kernels
}
