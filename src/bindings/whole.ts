/**
 * Which binary a program needs: the core one, or the whole one, which also has the kernels that few use. The modules
 * of whole-kernels.generated.ts and what imports it are kept by a bundler only where they are used: so a page that
 * never names an LSTM downloads the core binary, and Node, where everything is imported, takes the whole one.
 *
 * (No second module beside the core one that shares its memory: it would have to be position-independent code with a
 * loader of its own in every worker, and a list of calls could not be run inside one module.)
 */
import { InitError } from '../errors.js'
import { instance } from './instance.js'

let wanted = false

/** Says, while a program is loaded, that it may call kernels of the whole binary. */
export function wantWhole(): void {
  wanted = true
}

/** Whether what was imported so far may call kernels of the whole binary. */
export function wantsWhole(): boolean {
  return wanted
}

/**
 * To be called before anything else by what runs kernels of the whole binary.
 *
 * @throws {InitError} where `init` has loaded the core one
 */
export function needWhole(name: string): void {
  if (instance().whole) return
  throw new InitError(
    `${name}: its kernels are in the larger binary, and init() loaded the smaller one; import what uses ${name} before init() is called, or call init({ kernels: 'all' })`,
    'core-binary',
  )
}
