/** Where the temporaries of a step lie in one piece of memory, planned once: two that are never there together share. */

/** Something that is there from one kernel to another. */
export interface Lifespan {
  readonly bytes: number
  /** The first kernel that it is there for, and the last. */
  first: number
  last: number
}

/** Each begins at the start of a cache line. */
export const ALIGN = 64

/**
 * Gives each an offset: the largest first, each as low as it fits between those that are there at the same time
 * (greedy by size; Pisarchyk and Lee, 2020, https://arxiv.org/abs/2001.03288).
 *
 * @returns the offsets, and how many bytes there are in all
 */
export function planArena<T extends Lifespan>(
  spans: readonly T[],
): { offsets: Map<T, number>; bytes: number } {
  const offsets = new Map<T, number>()
  /** Those that have their place, by it. */
  const placed: { start: number; end: number; span: T }[] = []
  let bytes = 0
  for (const span of [...spans].sort((a, b) => b.bytes - a.bytes)) {
    const size = Math.ceil(span.bytes / ALIGN) * ALIGN
    let start = 0
    for (const other of placed) {
      if (other.span.last < span.first || span.last < other.span.first) continue
      if (start + size <= other.start) break
      start = Math.max(start, other.end)
    }
    offsets.set(span, start)
    const at = placed.findIndex((other) => other.start > start)
    placed.splice(at < 0 ? placed.length : at, 0, { start, end: start + size, span })
    bytes = Math.max(bytes, start + size)
  }
  return { offsets, bytes }
}
