/** The notebook's figures are those that the documents give: it is executed by `npm run test:notebook`, not here. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const read = (file: string) =>
  readFileSync(fileURLToPath(new URL(`../../docs/${file}`, import.meta.url)), 'utf8')
const notebook: { cells: { id: string; outputs?: { text?: string[] }[] }[] } = JSON.parse(
  read('notebooks/batch-normalization.ipynb'),
)

/** Accuracy after the first and the last epoch, ours and the original's, for each of the four nets. */
const printed = notebook.cells
  .find(({ id }) => id === 'end')
  ?.outputs?.flatMap(({ text = [] }) => text)
  .join('')
  .trim()
  .split('\n')
  .map((line) => line.match(/0\.\d{4} → 0\.\d{4}/g))

describe('the notebook', () => {
  it('was executed: it has four nets, and two plots', () => {
    expect(printed?.map((pair) => pair?.length)).toEqual([2, 2, 2, 2])
    const plots = read('notebooks/batch-normalization.ipynb').match(/"image\/svg\+xml"/g)
    expect(plots?.length).toBe(2)
  })

  it.each(['notebook.md', 'getting-started.md'])('prints what stands in docs/%s', (file) => {
    const rows = read(file)
      .split('\n')
      .filter((line) => /^(\| )?(mlp|cnn)(-bn)? .*→/.test(line))
    expect(rows.length).toBe(4)
    const order = rows.map((line) => line.match(/0\.\d{4} → 0\.\d{4}/g))
    expect(order).toEqual(printed)
  })
})
