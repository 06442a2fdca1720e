import type { InitOptions } from 'simdgrad'

/** What to ask `init` for to get each of the four binaries that have all kernels. */
export const BINARIES: Readonly<Record<string, InitOptions>> = {
  'strict-unshared': { threads: 1, deterministic: true },
  'strict-shared': { threads: 2, deterministic: true },
  'relaxed-unshared': { threads: 1 },
  'relaxed-shared': { threads: 2 },
}
