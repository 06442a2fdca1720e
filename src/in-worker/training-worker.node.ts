/** The entry `simdgrad/training-worker` for Node, Bun and Deno, where the package is one file (scripts/build.mjs). */
export * from './training-worker.js'
