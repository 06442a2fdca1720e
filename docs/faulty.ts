// What the check of the docstrings must complain about, and what not: see reference.test.mjs.

export class Bare {
  constructor(readonly size: number) {
    if (size < 0) throw new Error('size')
  }

  grow(by: number): number {
    return this.size + by
  }
}

/** Options. */
export interface Options {
  depth: number
  /** Described. */
  width: number
}

/** Half of `x`. */
export function halve(x: number, y: number): number {
  if (y > x) throw new Error('y')
  return x / 2
}

/** Checks what it is given. */
export function checks(options: Options): void {
  checkDepth(options.depth)
}

function checkDepth(depth: number): void {
  if (depth < 0) throw new Error('depth')
}

/**
 * Described in full: `x` by its name here.
 *
 * @param y described
 * @throws {Error} always
 */
export function good(x: number, y: number, options: Options): never {
  throw new Error(`${x} ${y} ${options.depth}`)
}

/** Twice `x`; what a function inside throws is that one's own. */
export function twice(x: number): () => number {
  return () => {
    throw new Error(`${x}`)
  }
}
