// A worker of the thread team in a browser: says that it runs, then works until the page ends. It imports nothing, as
// worker.node.js.
globalThis.onmessage = ({ data: { module, memory, index } }) => {
  const { exports } = new WebAssembly.Instance(module, {
    './bnkernels_bg.js': { memory, __wbindgen_init_externref_table() {} },
  })
  const kernels = /** @type {import('./wasm/bnkernels.js').InitOutput} */ (/** @type {unknown} */ (exports))
  kernels.__wbindgen_start(1 << 20)
  globalThis.postMessage('ready')
  try {
    kernels.team_work_forever(index)
  } catch {
    // It trapped: the caller, which waits, is told through the memory.
    kernels.team_worker_failed(index)
  }
}
