/** The entry `simdgrad/export` for Node, Bun and Deno, where the package is one file (scripts/build.mjs). */
export * from './index.js'
