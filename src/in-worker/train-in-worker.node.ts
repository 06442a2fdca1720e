/** The entry `simdgrad/train-in-worker` for Node, Bun and Deno, where the package is one file (scripts/build.mjs). */
export * from './train-in-worker.js'
