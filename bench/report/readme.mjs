// What the suite writes between two markers: all tables in docs/speed.md, and one in README.md.
import { provenance } from './page.mjs'
import { byTable, digits, markdown } from './tables.mjs'

const START = '<!-- bench:start (npm run bench writes this) -->'
const END = '<!-- bench:end -->'

/** @typedef {import('../results.mjs').Figure} Figure */

/**
 * A row for each net, a column for each build and library. A target stands in the heading, or beside each figure where
 * they differ.
 *
 * @param {readonly Figure[]} figures
 */
function netsTable(figures) {
  const nets = [...new Set(figures.map(({ row }) => row))]
  const columns = [...new Set(figures.map(({ column }) => column))]
  /** @param {string} column */
  const targetsOf = (column) =>
    new Set(figures.filter((one) => one.column === column).flatMap(({ target }) => target ?? []))
  /** @param {string} column */
  const heading = (column) => {
    const [target, ...others] = targetsOf(column)
    return target === undefined || others.length > 0 ? column : `${column} (target ${target})`
  }
  const rows = nets.map((net) => [
    net,
    ...columns.map((column) => {
      const figure = figures.find((one) => one.row === net && one.column === column)
      if (!figure) return '–'
      const { median, q1, q3, target } = figure
      const aim = target !== undefined && targetsOf(column).size > 1 ? `, target ${target}` : ''
      return `${digits(median)} [${digits(q1)}–${digits(q3)}]${aim}`
    }),
  ])
  return markdown(['times as fast', ...columns.map(heading)], rows)
}

/** @param {Figure} figure */
const isFolded = ({ table }) => table.includes('folded')

/** A row for each table with targets: the range of its medians, and how many reach theirs. @param {import('../results.mjs').Results} results */
function targetsTable({ parts }) {
  const rows = Object.entries(parts).flatMap(([name, part]) =>
    [...byTable(part)].flatMap(([table, { figures }]) => {
      const aimed = figures.filter(({ target }) => target !== undefined)
      if (aimed.length === 0) return []
      const medians = aimed.map(({ median }) => median)
      const range = `${digits(Math.min(...medians))} … ${digits(Math.max(...medians))} ${aimed[0].unit}`
      const targets = [...new Set(aimed.map(({ target }) => target))].sort((a, b) => Number(a) - Number(b))
      const reached = aimed.filter((figure) => figure.reached).length
      return [[name, table, range, targets.join(', '), `${reached} of ${aimed.length}`]]
    }),
  )
  return markdown(['part', 'figures', 'medians', 'targets', 'reached'], rows)
}

/** @param {string} name @param {string} text */
const picture = (name, text) =>
  `<picture><source media="(prefers-color-scheme: dark)" srcset="../bench/results/${name}-dark.svg"><img alt="${text}" src="../bench/results/${name}-light.svg"></picture>`

/** @param {string} text @param {readonly string[]} blocks what stands between the markers, a paragraph each */
function between(text, blocks) {
  const [start, end] = [text.indexOf(START), text.indexOf(END)]
  if (start < 0 || end < start) throw new Error(`the text has no '${START}' … '${END}'`)
  return `${text.slice(0, start)}${START}\n\n${blocks.join('\n\n')}\n\n${text.slice(end)}`
}

/** Such as "0.85 to 12.1". @param {readonly Figure[]} figures */
function range(figures) {
  const medians = figures.map(({ median }) => median)
  return `${digits(Math.min(...medians))} to ${digits(Math.max(...medians))}`
}

/**
 * README.md with one table of the newest results between its markers: an epoch against the two libraries that are
 * there in every run, medians alone. What other nets reach, the slow ones too, is a sentence.
 *
 * @param {string} text
 * @param {import('../results.mjs').Results} results
 */
export function withSummary(text, results) {
  const { jobs, nets } = results.parts
  const blocks = []
  if (jobs) {
    const [date] = provenance(jobs)
    const { cpu, cores } = jobs.machine
    const columns = [...new Set(jobs.figures.map(({ column }) => column))].filter(
      (column) => !column.includes('torch.compile'),
    )
    const rows = [...new Set(jobs.figures.map(({ row }) => row))].map((row) => [
      row,
      ...columns.map((column) => {
        const figure = jobs.figures.find((one) => one.row === row && one.column === column)
        return figure ? digits(figure.median) : '–'
      }),
    ])
    blocks.push(
      `How many times as fast one epoch of MNIST is, with batch norm (bn) and without, in the strict build (Node 20) and the relaxed one (Node 22 and newer); ${cpu}, ${cores} cores, ${date.slice(0, 10)}, \`npm run bench\`:`,
      markdown(['times as fast', ...columns], rows),
    )
  }
  const steps = (nets?.figures ?? []).filter(
    ({ unit, column, table }) => unit === '×' && column.includes('PyTorch') && !table.includes('folded'),
  )
  if (steps.length > 0)
    blocks.push(
      `A training step of other nets, or an answer for one sample, is ${range(steps)} times as fast as PyTorch's (eager).`,
    )
  return between(text, blocks)
}

/**
 * docs/speed.md with the newest results between its markers.
 *
 * @param {string} text
 * @param {import('../results.mjs').Results} results
 */
export function withSpeed(text, results) {
  const { jobs, nets } = results.parts
  const blocks = []
  if (jobs) {
    const [date, machine, versions] = provenance(jobs)
    blocks.push(
      `How many times as fast one epoch is, medians of interleaved rounds with quartiles (${date.slice(0, 10)}; ${machine}; ${versions}):`,
      netsTable(jobs.figures),
      picture('jobs', 'Bars: one epoch against PyTorch, for each net and both builds'),
    )
  }
  if (nets) {
    const [date] = provenance(nets)
    blocks.push(
      `How many times as fast a training step of other nets is, and the answer for one sample (${date.slice(0, 10)}); and what share of that speed (%) they have in a loop of a user's own, uncompiled:`,
      netsTable(nets.figures.filter((one) => one.unit !== 'MB' && !isFolded(one))),
      'How many times as fast answers are once batch norm is folded (`foldBatchNorm`):',
      netsTable(nets.figures.filter(isFolded)),
      picture('nets', 'Bars: a training step and an answer against PyTorch, for each net'),
    )
  }
  if (results.parts.peers) {
    blocks.push(picture('peers', 'Bars: one epoch against JAX, PyTorch, jax-js and tfjs'))
  }
  blocks.push("Every figure with a target of the project's own:", targetsTable(results))
  return between(text, blocks)
}
