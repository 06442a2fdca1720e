/**
 * The numbers 0 … n − 1 in an order that the seed and the pass decide: Fisher and Yates's shuffle. Apart
 * from the library's stream of random numbers, so that rebuilding the nets does not change the batches.
 */
export function shuffled(n: number, seed: number, pass: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(pass + 1, 0x85ebca6b)) >>> 0
  for (let i = n - 1; i > 0; i--) {
    // A linear congruential step and xor-shifts: good enough to mix digits.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0
    const j = Math.floor(((mixed ^ (mixed >>> 13)) >>> 0) * ((i + 1) / 2 ** 32))
    const kept = order[i]
    order[i] = order[j]
    order[j] = kept
  }
  return order
}

/**
 * The order of an epoch's digits. In the first epoch it goes from block to block, as they are downloaded, and mixes
 * within each: so training can begin with the first block, and the curves are the same on any line. Later ones mix
 * all digits.
 *
 * @param blocks numbers of digits, in the order in which they come
 */
export function epochOrder(blocks: readonly number[], seed: number, epoch: number): Uint32Array {
  const total = blocks.reduce((sum, count) => sum + count, 0)
  if (epoch > 0) return shuffled(total, seed, epoch)
  const order = new Uint32Array(total)
  let first = 0
  for (const [i, count] of blocks.entries()) {
    order.set(
      // Passes below 0, so that no later epoch has a block's order; the first block keeps that of pass 0.
      shuffled(count, seed, -i).map((place) => place + first),
      first,
    )
    first += count
  }
  return order
}
