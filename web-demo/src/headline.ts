import type { Both, Point } from './protocol.js'

/** The two numbers that stand for the nets, everywhere on the page: in the mode in which test digits were judged. */
export function headline({ accuracy, training, judged }: Point): Both<number> {
  return judged === 'eval' ? accuracy : { norm: training, plain: accuracy.plain }
}

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`
