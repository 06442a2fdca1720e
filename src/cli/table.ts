/** What the command prints at its end: our figures beside the notebook's. */
import { JOBS, type JobName } from '../nets/index.js'
import type { RunHistory } from './report-words.js'

const HEAD = ['net', 'epochs', 'accuracy (best)', "the notebook's", 's/epoch', 'images/s']

/** One line a net, and a second one where it did not come to its end; in 80 columns. */
export function table(runs: readonly RunHistory[]): string {
  const rows = runs.map((run) => ({ cells: cellsOf(run), note: run.unfinished }))
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...rows.map(({ cells }) => cells[column].length)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd()
  const indent = ' '.repeat(widths[0] + 2)
  return [
    line(HEAD),
    ...rows.flatMap(({ cells, note }) => [line(cells), ...(note ? [indent + note] : [])]),
  ].join('\n')
}

function cellsOf({ net, epochs }: RunHistory): string[] {
  const accuracy = (value: number | undefined) => (value === undefined ? '–' : value.toFixed(4))
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const notebook = Object.hasOwn(JOBS, net) ? JOBS[net as JobName].notebook : undefined
  const theirs = notebook ? `${accuracy(notebook[0])} → ${accuracy(notebook[1])}` : '–'
  if (epochs.length === 0) return [net, '0', '–', theirs, '–', '–']
  const valid = epochs.map(({ validAcc }) => validAcc)
  const known = valid.filter((value) => value !== undefined)
  return [
    net,
    `${epochs.length}`,
    known.length === 0
      ? '–'
      : `${accuracy(valid[0])} → ${accuracy(valid.at(-1))} (${accuracy(Math.max(...known))})`,
    theirs,
    mean(epochs.map(({ trainSeconds }) => trainSeconds)).toFixed(2),
    Math.round(mean(epochs.map(({ imagesPerSecond }) => imagesPerSecond))).toLocaleString('en'),
  ]
}
