import { ROW_FORMS } from './rows.generated.js'

/** A copy of the row at the beginning of `words`, as long as it is. */
export function wordsOf(words: Float64Array): Float64Array {
  const form = ROW_FORMS[words[0]]
  return words.slice(0, form.words + (form.dims ? 1 + 3 * words[form.words] : 0))
}
