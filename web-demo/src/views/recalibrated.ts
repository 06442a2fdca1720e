import { percent } from '../headline.js'

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
  `Averaged over ${digits.toLocaleString('en')} digits. In evaluation mode, batch norm’s accuracy went from ${percent(before)} to ${percent(after)}.`
