// Figures as Markdown tables, which read well on a terminal too.

/** @typedef {import('../results.mjs').Figure} Figure */

/**
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function markdown(head, rows) {
  const widths = head.map((_, i) => Math.max(3, ...[head, ...rows].map((row) => row[i].length)))
  /** @param {string[]} row */
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join(
    '\n',
  )
}

/** Three figures that mean something. @param {number} value */
export function digits(value) {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}

/** `3.12 × [3.01–3.20]`. @param {Figure} figure */
export function spread({ median, q1, q3, unit, samples }) {
  const range = samples.length > 1 ? ` [${digits(q1)}–${digits(q3)}]` : ''
  return `${digits(median)} ${unit}${range}`
}

/** `≥ 3: reached`. @param {Figure} figure */
export function verdict({ target, reached, unit }) {
  if (target === undefined) return ''
  return `${unit === '×' || unit === '%' ? '≥' : '≤'} ${target}: ${reached ? 'reached' : 'missed'}`
}

/**
 * The figures and cells of each table, in order.
 *
 * @param {Pick<import('../results.mjs').PartResult, 'figures' | 'cells'>} part
 */
export function byTable({ figures, cells }) {
  /** @type {Map<string, { figures: Figure[], cells: import('../results.mjs').Cell[] }>} */
  const found = new Map()
  for (const { table } of [...figures, ...cells]) found.set(table, { figures: [], cells: [] })
  for (const figure of figures) found.get(figure.table)?.figures.push(figure)
  for (const cell of cells) found.get(cell.table)?.cells.push(cell)
  return found
}

/** Head and rows of one table. @param {{ figures: Figure[], cells: import('../results.mjs').Cell[] }} members */
export function rowsOf({ figures, cells }) {
  const rows = [
    ...figures.map((one) => [one.row, one.column, spread(one), verdict(one), one.detail ?? '']),
    ...cells.map(({ row, column, text }) => [row, column, text, '', '']),
  ]
  const head = ['', '', figures.length > 0 ? 'median [quartiles]' : '', 'target', '']
  const used = head.map((_, i) => i < 3 || rows.some((row) => row[i] !== ''))
  /** @param {string[]} row */
  const keep = (row) => row.filter((_, i) => used[i])
  return { head: keep(head), rows: rows.map(keep) }
}

/** All tables of a part, its notes and what is missing. @param {import('../results.mjs').PartResult} part */
export function tables(part) {
  const parts = [...byTable(part)].map(([table, members]) => {
    const { head, rows } = rowsOf(members)
    return `${table}\n\n${markdown(head, rows)}`
  })
  const lines = [...part.missing.map((text) => `Missing: ${text}`), ...part.notes]
  return [...parts, ...lines].join('\n\n')
}

/** What the check found. @param {ReturnType<typeof import('../results.mjs').compare>} found */
export function losses({ losses: lost, compared, gone }) {
  const lines = gone.map((id) => `Not measured here: ${id}`)
  for (const { id, before, after, loss } of lost) {
    lines.push(`Lost ${(100 * loss).toFixed(0)} %: ${id} was ${digits(before)}, is ${digits(after)}`)
  }
  lines.push(`${compared} ratios compared, ${lost.length} lost more than 15 %`)
  return lines.join('\n')
}
