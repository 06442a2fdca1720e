import { percent } from '../headline.js'
import { whole } from '../whole.js'

/** What recalibration did, in words. */
export const recalibratedText = ({
  digits,
  before,
  after,
}: {
  digits: number
  before: number
  after: number
}) =>
  `Averaged over ${whole(digits)} digits. In evaluation mode, batch norm’s accuracy went from ${percent(before)} to ${percent(after)}.`
