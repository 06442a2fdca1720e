/** The entry `simdgrad/nets` for Node, Bun and Deno, where the package is one file (scripts/build.mjs). */
export * from './index.js'
