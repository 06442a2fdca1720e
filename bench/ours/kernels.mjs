// Rates of single kernels, each beside what the machine can do: the multiply-add peak, or a copy of as many
// bytes. The kernels are called through their typed bindings, as the operations call them, on whatever
// threads `init` started.

import { isArithmetic, prepareArithmetic } from './arithmetic.mjs'
import { multiplyAddPeak, rate } from './peak.mjs'
import { prepareCopy, prepareStreaming } from './streaming.mjs'

/**
 * One kernel at one shape.
 *
 * @typedef {import('./arithmetic.mjs').Arithmetic} Arithmetic
 * @typedef {import('./streaming.mjs').Streaming} Streaming
 * @typedef {(Arithmetic | Streaming) & { name: string }} Case
 */

/**
 * Rates of kernels and, in the same rounds, of what bounds them.
 *
 * @param {'strict' | 'relaxed'} build
 * @param {readonly Case[]} cases
 * @param {{ rounds: number, milliseconds: number, warmUp?: boolean, together?: boolean }} how `together`: all
 *   cases take turns in each round, so that they can be compared with each other
 * @returns {{ name: string, rates: number[], bounds: number[] }[]} flop or bytes a second
 */
export function measureKernels(build, cases, { rounds, milliseconds, warmUp = true, together = false }) {
  const peak = { ...multiplyAddPeak(build), free: () => {} }
  const groups = together ? [cases] : cases.map((one) => [one])
  return groups.flatMap((group) => {
    const measured = group.map((one) => ({
      name: one.name,
      kernel: isArithmetic(one) ? prepareArithmetic(one) : prepareStreaming(one),
      bound: isArithmetic(one) ? peak : prepareCopy(one),
      rates: /** @type {number[]} */ ([]),
      bounds: /** @type {number[]} */ ([]),
    }))
    // V8 compiles twice; its better code is there after some milliseconds.
    if (warmUp) {
      for (const { kernel, bound } of measured) {
        rate(kernel, milliseconds)
        rate(bound, milliseconds)
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const { kernel, bound, rates, bounds } of measured) {
        // Before and after, since the clock rate drifts.
        const before = rate(bound, milliseconds / 4)
        rates.push(rate(kernel, milliseconds))
        bounds.push((before + rate(bound, milliseconds / 4)) / 2)
      }
    }
    return measured.map(({ name, kernel, bound, rates, bounds }) => {
      kernel.free()
      bound.free()
      return { name, rates, bounds }
    })
  })
}
