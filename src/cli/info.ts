import { availableParallelism } from 'node:os'
import { init, memory } from '../index.node.js'

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`

/** Prints runtime, binary chosen and why, threads and memory. */
export async function info(): Promise<void> {
  const { runtime, simd, shared, threads, reason } = await init()
  const { wasmBytes, liveBytes } = memory()
  console.log(`runtime   ${runtime}, ${process.platform} ${process.arch}
binary    ${simd} SIMD, ${shared ? 'shared' : 'unshared'} memory
why       ${reason}
threads   ${threads} (on ${availableParallelism()} cores)
memory    ${megabytes(wasmBytes)} of wasm memory, ${megabytes(liveBytes)} in use; the process has ${megabytes(process.memoryUsage().rss)}`)
}
