/** The entry `simdgrad/distributed`, in one file with the rest (scripts/build.mjs). */
export * from './index.js'
