/**
 * Where the package's own binaries are: eight literals in as many returns, so that bundlers and what traces a server's
 * files find them. In a file of its own (scripts/build.mjs), because some of those read no newer JavaScript, and put a
 * path in the place of the URL.
 */

/** Those of `core` lack the kernels that few use (see whole.ts). */
export type BinaryName = `${'strict' | 'relaxed'}-${'shared' | 'unshared'}${'' | '-core'}`

/** Where one of the package's own is. */
export function own(name: BinaryName): URL {
  switch (name) {
    case 'strict-unshared':
      return new URL('./wasm/strict-unshared.wasm', import.meta.url)
    case 'relaxed-unshared':
      return new URL('./wasm/relaxed-unshared.wasm', import.meta.url)
    case 'strict-shared':
      return new URL('./wasm/strict-shared.wasm', import.meta.url)
    case 'relaxed-shared':
      return new URL('./wasm/relaxed-shared.wasm', import.meta.url)
    case 'strict-unshared-core':
      return new URL('./wasm/strict-unshared-core.wasm', import.meta.url)
    case 'relaxed-unshared-core':
      return new URL('./wasm/relaxed-unshared-core.wasm', import.meta.url)
    case 'strict-shared-core':
      return new URL('./wasm/strict-shared-core.wasm', import.meta.url)
    case 'relaxed-shared-core':
      return new URL('./wasm/relaxed-shared-core.wasm', import.meta.url)
  }
}
