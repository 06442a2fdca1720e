// What the kernels that are timed work on.
import { kernels, lanesLength, Storage } from '../../dist/internals.node.js'

/** @typedef {{ run: () => void, work: number, free: () => void }} Prepared `work`: flop or bytes of a run */

/** Storages that are freed together, filled with normal random numbers. */
export function workspace() {
  /** @type {Storage[]} */
  const all = []
  /** @param {number} length in floats @param {import('../../dist/bindings/memory.js').Layout} [layout] */
  const storage = (length, layout = 'rows') => {
    const made = new Storage(length, layout, 'leaf')
    const place = { seedLow: 1, seedHigh: 2, offsetLow: all.length, offsetHigh: 0 }
    kernels.fillNormal({ y: made, ...place, mean: 0, std: 1 })
    all.push(made)
    return made
  }
  return {
    storage,
    /** @param {number} n @param {number} c @param {number} area */
    lanes: (n, c, area) => storage(lanesLength([n, c * area]), 'lanes'),
    free: () => {
      for (const one of all) one.release()
    },
  }
}
