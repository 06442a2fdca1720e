/**
 * Whether neighbouring rows of a recorded step are fused: the mechanism (fuse-rows.ts) comes with the kernels that few
 * use, so a page without them downloads none of it.
 */
import type { Recorded } from './recorded.js'

let fuse: (recorded: Recorded) => void = () => {}

/** How rows are fused from now on. */
export function setRowFusion(by: (recorded: Recorded) => void): void {
  fuse = by
}

/** Lets neighbouring rows run as one, with the same bits. To be called when all that stays is pinned. */
export const fuseRows = (recorded: Recorded): void => fuse(recorded)
