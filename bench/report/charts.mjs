// Which charts a run has, drawn for light and for dark pages.
import { optional } from '../optional.mjs'
import { median } from '../statistics.mjs'
import { barsOption, heightOf, linesOption, PALETTES, WIDTH } from './drawing.mjs'

/**
 * @typedef {import('../results.mjs').Figure} Figure
 * @typedef {{ part: string, title: string, file: string | undefined, light: string, dark: string }} Drawn
 *
 * @typedef {object} BarChart
 * @property {string} part
 * @property {string} title
 * @property {string} axis what is measured, with its unit
 * @property {(figure: Figure) => boolean} of which figures of the part
 * @property {boolean} [log]
 * @property {string} [file] its name, for README.md
 */

/** @param {string} start */
const table = (start) => (/** @type {Figure} */ figure) => figure.table.startsWith(start)
/** @param {string} name */
const against = (name) => (/** @type {Figure} */ figure) => figure.column.endsWith(`against ${name}`)

/** @type {BarChart[]} */
const BAR_CHARTS = [
  {
    ...{ part: 'jobs', of: against('PyTorch (eager)'), file: 'jobs' },
    ...{
      title: 'An epoch beside PyTorch’s (CPU, eager)',
      axis: 'times as fast, the better of its 1 and 2 threads',
    },
  },
  {
    ...{ part: 'jobs', of: against('JAX (jit)') },
    ...{ title: 'An epoch beside JAX’s (CPU, a jitted step)', axis: 'times as fast' },
  },
  {
    ...{ part: 'nets', of: against('PyTorch (eager)'), file: 'nets' },
    ...{
      title: 'Other nets beside PyTorch (CPU, eager): a training step, an answer',
      axis: 'times as fast, the better of its 1 and 2 threads',
    },
  },
  {
    ...{ part: 'nets', of: table('in a loop') },
    ...{ title: 'The same nets uncompiled', axis: '% of the compiled speed' },
  },
  {
    ...{ part: 'peers', of: () => true, file: 'peers', log: true },
    ...{ title: 'An epoch beside other libraries’', axis: 'times as fast (logarithmic)' },
  },
  {
    ...{ part: 'kernels', of: table('matmul') },
    ...{ title: 'Matrix products on one thread', axis: '% of the multiply-add peak' },
  },
  {
    ...{ part: 'kernels', of: table('conv2d') },
    ...{ title: 'Convolutions on one thread', axis: '% of the multiply-add peak' },
  },
  {
    ...{ part: 'kernels', of: table('sequences') },
    ...{ title: 'Attention and recurrent layers on one thread', axis: '% of the multiply-add peak' },
  },
  {
    ...{ part: 'kernels', of: table('large') },
    ...{ title: 'Large tensors on one thread', axis: '% of the copy bandwidth' },
  },
  {
    ...{ part: 'kernels', of: table('26 MB') },
    ...{ title: 'Tensors of 26 MB on one thread', axis: '% of the copy bandwidth' },
  },
  {
    ...{ part: 'kernels', of: table('small') },
    ...{ title: 'Small tensors, from TypeScript with the tape', axis: 'µs an operation' },
  },
  {
    ...{ part: 'runtimes', of: table('epoch') },
    ...{ title: 'An epoch of cnn-bn in each runtime', axis: 'times as fast as the reference (Node 26)' },
  },
  {
    ...{ part: 'runtimes', of: table('start-up') },
    ...{ title: 'Start-up to the first training step', axis: 'ms' },
  },
  { ...{ part: 'scaling', of: table('threads') }, ...{ title: 'More threads', axis: 'times as fast' } },
  {
    ...{ part: 'scaling', of: table('shapes') },
    ...{ title: 'Shapes that the jobs do not have', axis: "rate, against the jobs' shape" },
  },
]

/**
 * A group of bars for each row, a series for each column.
 *
 * @param {BarChart} chart
 * @param {readonly Figure[]} all the part's
 * @returns {import('./drawing.mjs').Bars}
 */
function barsOf({ title, axis, of, log = false }, all) {
  // A column that only says what a row is compared with is no series of its own.
  const figures = all.filter(of).map((figure) => ({ ...figure, column: seriesOf(figure) }))
  const groups = [...new Set(figures.map(({ row }) => row))]
  const names = [...new Set(figures.map(({ column }) => column))]
  const series = names.map((name) => ({
    name,
    values: groups.map((group) => figures.find(({ row, column }) => row === group && column === name)),
  }))
  return { title, axis, groups, series, log }
}

/** @param {Figure} figure */
function seriesOf({ column, table: name }) {
  if (/^(shapes|start-up|in a loop)/.test(name)) return ''
  return column.replace(/, against .*/, ' SIMD')
}

/**
 * Curves over the batch and over the size of a matrix product.
 *
 * @param {readonly Figure[]} figures of scaling
 * @returns {import('./drawing.mjs').Lines[]}
 */
function linesOf(figures) {
  const batches = figures.filter(table('batch'))
  const sizes = figures.filter(table('matmul'))
  if (batches.length === 0 || sizes.length === 0) return []
  const nets = [...new Set(batches.map(({ row }) => row))]
  const series = nets.map((name) => {
    const rates = batches
      .filter(({ row }) => row === name)
      .map(({ more }) => median(/** @type {number[]} */ (more?.imagesPerSecond)))
    return { name, values: rates.map((rate) => rate / Math.max(...rates)) }
  })
  const columns = batches
    .filter(({ row }) => row === nets[0])
    .map(({ column }) => column.replace('batch ', ''))
  return [
    {
      ...{ title: 'Images a second as the batch grows', axis: 'share of the best rate' },
      ...{ across: 'batch size', categories: columns, series },
    },
    {
      ...{ title: 'Square matrix products, one thread', axis: 'rate, share of the best size’s' },
      ...{ across: 'rows and columns', categories: sizes.map(({ row }) => row.replace('³', '')) },
      ...{
        series: [{ name: 'matmul', values: sizes.map((one) => one.median) }],
        target: sizes[0].target ?? 0,
      },
    },
  ]
}

/**
 * All charts of the results; none where ECharts is not installed.
 *
 * @param {import('../results.mjs').Results} results
 * @returns {Promise<Drawn[]>}
 */
export async function charts({ parts }) {
  const echarts = await optional('echarts')
  if (!echarts) return []
  /** @param {Record<string, unknown>} option @param {number} height @returns {string} */
  const draw = (option, height) => {
    const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
    chart.setOption(option)
    const svg = chart.renderToSVGString()
    chart.dispose()
    return svg
  }
  const bars = BAR_CHARTS.flatMap((chart) => {
    const data = barsOf(chart, parts[chart.part]?.figures ?? [])
    if (data.groups.length === 0) return []
    const [light, dark] = [PALETTES.light, PALETTES.dark].map((palette) =>
      draw(barsOption(palette, data), heightOf(data)),
    )
    return [{ part: chart.part, title: chart.title, file: chart.file, light, dark }]
  })
  const lines = linesOf(parts.scaling?.figures ?? []).map((data) => {
    const [light, dark] = [PALETTES.light, PALETTES.dark].map((palette) =>
      draw(linesOption(palette, data), 340),
    )
    return { part: 'scaling', title: data.title, file: undefined, light, dark }
  })
  return [...bars, ...lines]
}
