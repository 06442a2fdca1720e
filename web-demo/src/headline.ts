import type { Both, Point } from './protocol.js'
import type { Settings } from './settings.js'

/** The two numbers that stand for the nets, everywhere on the page: in the mode in which test digits are judged. */
export function headline({ accuracy, training }: Point, { evaluation }: Settings): Both<number> {
  return evaluation === 'eval' ? accuracy : { norm: training, plain: accuracy.plain }
}

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`
