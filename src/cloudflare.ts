/**
 * The entry of the package for Cloudflare Workers: as for browsers, but the binary is a part of the Worker, whose
 * bundler makes a module of it. There are no threads to be had.
 */
import wasm from 'simdgrad/wasm/strict-unshared.wasm'
import { type Backend, type InitOptions, init as initWith } from './bindings/init.js'

export * from './index.js'

/** As `init` elsewhere, with the Worker's own binary. */
export function init(options: InitOptions = {}): Promise<Backend> {
  return initWith({ wasm, threads: 1, ...options })
}
