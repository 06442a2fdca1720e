// A worker of the thread team in Node, Bun and Deno: says that it runs, then works until the process ends.
// Bundlers copy this file as it is, and who runs the copy may take it for CommonJS: so it imports and exports nothing,
// and its names are those of a block.
{
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { module, memory, index } = workerData
  // As in instantiate.js.
  const { exports } = new WebAssembly.Instance(module, {
    './bnkernels_bg.js': { memory, __wbindgen_init_externref_table() {} },
  })
  const kernels = /** @type {import('./wasm/bnkernels.js').InitOutput} */ (/** @type {unknown} */ (exports))
  // The worker's stack, in bytes: kernels keep their arrays on the heap.
  kernels.__wbindgen_start(1 << 20)
  parentPort?.postMessage('ready')
  try {
    kernels.team_work_forever(index)
  } catch {
    // It trapped: the caller, which waits, is told through the memory.
    kernels.team_worker_failed(index)
  }
}
