/**
 * The HTML report of `simdgrad mnist`: one file that needs no network (its own policy forbids it),
 * with curves by uPlot and every figure in a table.
 */
import library from 'uplot/dist/uPlot.iife.min.js?raw'
import libraryStyle from 'uplot/dist/uPlot.min.css?raw'
import { type ChartData, drawCharts, STYLE, type Tone } from './report-page.js'
import {
  type EpochRecord,
  METRICS,
  type Metric,
  nameOf,
  type RunHistory,
  sentence,
  shortNameOf,
  show,
  toneOf,
} from './report-words.js'

export type { EpochRecord, RunHistory } from './report-words.js'

/** What the runs ran on, as `init` told it, where that is known, and how they were asked for. All is printed as it is. */
export interface ReportAbout {
  /** Default 'simdgrad on MNIST'. */
  title?: string
  runtime?: string
  simd?: string
  threads?: number
  reason?: string
  date: string
  /** The command line. */
  command: string
  /** Learning rate and the like. */
  settings: readonly (readonly [name: string, value: string])[]
}

/** The report's sections, and which nets each shows. */
const FAMILIES = [
  { id: 'mlp', title: 'Fully connected networks (MLP)', has: (net: string) => /^mlp/.test(net) },
  { id: 'cnn', title: 'Convolutional networks (CNN)', has: (net: string) => /^cnn/.test(net) },
  { id: 'other', title: 'Other networks', has: (net: string) => !/^(mlp|cnn)/.test(net) },
]

/** Nothing is fetched; the page's own styles and scripts run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

/**
 * The report as one HTML document. Runs without an epoch have no curves; nets and seeds may come in any number, and a
 * family of networks that did not run has no section. What did not come to its end is said at the top.
 */
export function renderReport(runs: RunHistory[], about: ReportAbout): string {
  const ran = runs.filter((run) => run.epochs.length > 0)
  const { charts, html } = renderSections(ran)
  const nets = [...new Set(ran.map((run) => run.net))].join(', ')
  const { title = 'simdgrad on MNIST', date, runtime, simd, threads, reason = '' } = about
  const machine = [
    date,
    ...(runtime ? [runtime] : []),
    ...(simd ? [`SIMD: ${simd}`] : []),
    ...(threads ? [threads === 1 ? '1 thread' : `${threads} threads`] : []),
  ].join(' · ')
  const settings = about.settings.map(([name, value]) => `${name} ${value}`).join(' · ')
  const unfinished = runs.flatMap(({ net, unfinished }) => (unfinished ? [`${net}: ${unfinished}`] : []))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}${ran.length > 0 ? `: ${escapeHtml(nets)}` : ''}</title>
<style>${libraryStyle}${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="muted">${escapeHtml(machine)}<br>${escapeHtml(reason)}</p>
<p class="muted">${escapeHtml(settings)}<br><code>${escapeHtml(about.command)}</code></p>
${unfinished.map((text) => `<p class="unfinished">${escapeHtml(text)}</p>`).join('\n')}
${ran.length > 0 ? renderSummary(ran) : '<p>No epoch was finished.</p>'}
<noscript><p>The curves need JavaScript; every figure is in the table below.</p></noscript>
${html}
${ran.length > 0 ? renderTable(ran) : ''}
</main>
<script type="application/json" id="data">${toJson(charts)}</script>
<script>${library.replaceAll('</script', '<\\/script')}</script>
<script>
const charts = JSON.parse(document.getElementById('data').textContent)
;(${drawCharts.toString()})(uPlot, charts)
</script>
</body>
</html>
`
}

function renderSections(runs: RunHistory[]): { charts: ChartData[]; html: string } {
  const charts: ChartData[] = []
  const sections = FAMILIES.map(({ id, title, has }) => {
    const members = runs.filter((run) => has(run.net))
    if (members.length === 0) return ''
    const figures = METRICS.map((metric) => {
      const chart = toChart(`${id}-${metric.key}`, id, metric, members)
      charts.push(chart)
      return renderFigure(chart, metric, members)
    })
    return `<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
<div class="charts">
${figures.join('\n')}
</div>
</section>`
  })
  return { charts, html: sections.filter(Boolean).join('\n') }
}

function toChart(id: string, group: string, { key }: Metric, runs: RunHistory[]): ChartData {
  const epochs = [...new Set(runs.flatMap((run) => run.epochs.map(({ epoch }) => epoch)))]
  epochs.sort((a, b) => a - b)
  const lines = runs.map((run) => {
    const values = new Map(run.epochs.map((record) => [record.epoch, record[key]]))
    const twin = runs.filter(({ net }) => net === run.net).indexOf(run)
    return {
      label: shortNameOf(run, runs),
      tone: toneOf(run.net),
      dash: dashOf(toneOf(run.net), twin),
      values: epochs.map((epoch) => finite(values.get(epoch))),
    }
  })
  return { id, group, percent: key.endsWith('Acc'), epochs: epochs.map((epoch) => epoch + 1), lines }
}

/** A second and third run of one net keep its colour and get dashes; so does the layer's line. */
function dashOf(tone: Tone, twin: number): number[] {
  if (twin > 0) return twin === 1 ? [3, 4] : [10, 4, 2, 4]
  return tone === 'layer' ? [8, 5] : []
}

function renderFigure({ id }: ChartData, { key, title, meaning }: Metric, runs: RunHistory[]): string {
  const results = runs.map((run) => `<p>${swatch(run)}${escapeHtml(sentence(run, key, runs))}</p>`)
  return `<figure aria-labelledby="${id}-title">
<figcaption><h3 id="${id}-title">${title}</h3>
<p>${meaning}</p>
${results.join('\n')}</figcaption>
<div class="chart" id="${id}"></div>
</figure>`
}

function renderSummary(runs: RunHistory[]): string {
  const rows = runs.map((run) => {
    const accuracies = run.epochs.map(({ validAcc }) => validAcc)
    const known = accuracies.filter((value) => value !== undefined)
    const seconds = run.epochs.map((record) => record.trainSeconds + record.validSeconds)
    const speed = mean(run.epochs.map(({ imagesPerSecond }) => imagesPerSecond))
    return `<tr><th scope="row">${swatch(run)}${escapeHtml(nameOf(run, runs))}</th>${cells([
      String(run.epochs.length),
      show('validAcc', accuracies.at(-1)),
      show('validAcc', known.length === 0 ? undefined : Math.max(...known)),
      `${mean(seconds).toFixed(2)} s`,
      Math.round(speed).toLocaleString('en'),
    ])}</tr>`
  })
  const heads = ['Network', 'Epochs', 'Validation accuracy', 'Best', 'Time an epoch', 'Images/s']
  return `<h2 id="summary">At a glance</h2>
${table('summary', heads, `<tbody>${rows.join('\n')}</tbody>`)}`
}

function renderTable(runs: RunHistory[]): string {
  const bodies = runs.map(
    (run) => `<tbody>${run.epochs.map((record) => row(run, record)).join('\n')}</tbody>`,
  )
  const titles = METRICS.map(({ title }) => title)
  const times = ['Training time', 'Validation time', 'Images/s', 'Weights hash']
  return `<h2 id="figures">All figures</h2>
<p class="muted">Epochs count from 1 (with --json and in fit from 0). Images/s are those of training. The hash is the beginning of
the weights' SHA-256: equal hashes mean equal weights, to the bit.</p>
${table('figures', ['Network', 'Seed', 'Epoch', ...titles, ...times], bodies.join('\n'))}`
}

function row(run: RunHistory, record: EpochRecord): string {
  const hash = escapeHtml(record.weightsHash)
  const figures = cells([
    String(run.seed),
    String(record.epoch + 1),
    ...METRICS.map(({ key }) => show(key, record[key])),
    `${record.trainSeconds.toFixed(2)} s`,
    `${record.validSeconds.toFixed(2)} s`,
    Math.round(record.imagesPerSecond).toLocaleString('en'),
  ])
  return `<tr><th scope="row">${swatch(run)}${escapeHtml(run.net)}</th>${figures}
<td><code title="${hash}">${hash.slice(0, 12)}</code></td></tr>`
}

/** A table that scrolls sideways where it is too wide, with the keyboard too. */
function table(labelledBy: string, heads: string[], bodies: string): string {
  const row = heads.map((head) => `<th scope="col">${head}</th>`).join('')
  return `<div class="card scroll" role="region" aria-labelledby="${labelledBy}" tabindex="0">
<table><thead><tr>${row}</tr></thead>
${bodies}</table></div>`
}

function cells(texts: string[]): string {
  return texts.map((text) => `<td>${escapeHtml(text)}</td>`).join('')
}

function swatch(run: RunHistory): string {
  return `<span class="key key-${toneOf(run.net)}"></span>`
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** JSON has no NaN or Infinity: a diverged loss is a gap in its curve. */
function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** JSON that can't end the script element that it stands in. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}
