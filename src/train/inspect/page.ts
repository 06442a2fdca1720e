/** An inspection as a page. */
import { bars, escapeHtml, histograms, pointText, scatter, shares } from './plots.js'
import { liveText, MODES, momentumText, percent, short } from './table.js'
import type { ModeReport, NormReport, ReportContents } from './types.js'

/** Nothing is fetched and nothing runs; the page's own styles hold. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'"

/** Channels that a table shows; more are in the plots. */
const ROWS = 64

/** The whole page. */
export function pageOf(report: ReportContents, title: string): string {
  const { advice, layers, modes, samples, batchSize } = report
  const list = advice.map(({ text }) => `<li>${escapeHtml(text)}</li>`)
  const size = `${samples.toLocaleString('en')} samples, in batches of ${batchSize}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="muted">${escapeHtml(size)}. ${layers.length} batch norm layer${layers.length === 1 ? '' : 's'}.</p>
<section class="card${advice.length > 0 ? ' wrong' : ''}" aria-labelledby="advice">
<h2 id="advice">${advice.length > 0 ? 'What is wrong' : 'Nothing is wrong'}</h2>
${list.length > 0 ? `<ol>${list.join('\n')}</ol>` : '<p>The running statistics are those of the data.</p>'}
</section>
${modesOf(modes)}
${layers.length > 0 ? overview(layers) : ''}
${layers.map(section).join('\n')}
</main>
</body>
</html>
`
}

function modesOf(modes: ModeReport): string {
  const known = MODES.flatMap(([key, name]) => {
    const { loss, accuracy } = modes[key] ?? {}
    return loss === undefined ? [] : [{ name, loss, accuracy }]
  })
  if (known.length === 0) return ''
  const worst = Math.max(...known.map(({ loss }) => loss)) || 1
  const rows = known.map(({ name, loss, accuracy }) => ({
    name,
    share: accuracy ?? loss / worst,
    text: accuracy === undefined ? `loss ${short(loss)}` : `${percent(accuracy)}, loss ${short(loss)}`,
  }))
  return `<section class="card" aria-labelledby="modes">
<h2 id="modes">${known[0].accuracy === undefined ? 'Loss' : 'Accuracy'} by mode</h2>
${shares(rows)}
</section>`
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join('')
  const body = rows.map(
    ([first, ...rest]) =>
      `<tr><th scope="row">${escapeHtml(first)}</th>${rest.map((text) => `<td>${escapeHtml(text)}</td>`).join('')}</tr>`,
  )
  return `<div class="scroll" tabindex="0" role="region" aria-label="table"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`
}

function overview(layers: readonly NormReport[]): string {
  const rows = layers.map((layer) => [
    layer.path || '(the net)',
    layer.type,
    liveText(layer),
    layer.mode,
    momentumText(layer.momentum),
    layer.batchesTracked === undefined ? '–' : layer.batchesTracked.toLocaleString('en'),
    `${short(layer.drift)} σ`,
    short(layer.varianceRatio),
    percent(layer.errorShare),
  ])
  const heads = [
    'Layer',
    'Class',
    'Channels',
    'Mode',
    'Momentum',
    'Batches',
    'Drift',
    'Running / true variance',
    "Share of the output's error",
  ]
  return `<section class="card" aria-labelledby="layers"><h2 id="layers">Layers</h2>${table(heads, rows)}</section>`
}

function section({ path, type, channels, before, after }: NormReport): string {
  const points = (truth: 'trueMean' | 'trueVar', running: 'runningMean' | 'runningVar') =>
    channels.map((channel) => ({
      x: channel[truth],
      y: channel[running],
      note: pointText(channel.channel, channel[truth], channel[running]),
    }))
  const figures = [
    [
      'Mean: running against true',
      'On the line both are the same.',
      scatter(points('trueMean', 'runningMean'), 'mean'),
    ],
    [
      'Variance: running against true',
      'Below the line, outputs are too large.',
      scatter(points('trueVar', 'runningVar'), 'variance'),
    ],
    ...(before && after
      ? [
          [
            'Before and after',
            '<span class="key before"></span> what goes in <span class="key after"></span> what comes out, in evaluation',
            histograms(before, after),
          ],
        ]
      : []),
    [
      'Gamma and beta',
      '<span class="key gamma"></span> gamma <span class="key beta"></span> beta, of each channel',
      bars(
        channels.map(({ gamma }) => gamma),
        channels.map(({ beta }) => beta),
      ),
    ],
  ]
  const rows = channels
    .slice(0, ROWS)
    .map((channel) => [
      String(channel.channel),
      ...[channel.runningMean, channel.trueMean, channel.drift].map(short),
      ...[channel.runningVar, channel.trueVar, channel.varianceRatio, channel.gamma, channel.beta].map(short),
      channel.dead ?? '',
    ])
  const heads = [
    'Channel',
    'Running mean',
    'True mean',
    'Drift (σ)',
    'Running var',
    'True var',
    'Ratio',
    'Gamma',
    'Beta',
    'Dead by',
  ]
  const more = channels.length > ROWS ? `<p class="muted">The first ${ROWS} of ${channels.length}.</p>` : ''
  return `<section class="card">
<h2>${escapeHtml(path || '(the net)')} <span class="muted">${escapeHtml(type)}</span></h2>
<div class="figures">
${figures.map(([title, note, plot]) => `<figure><figcaption><h3>${title}</h3><p class="muted">${note}</p></figcaption>${plot}</figure>`).join('\n')}
</div>
<details><summary>Channels</summary>${table(heads, rows)}${more}</details>
</section>`
}

/** Blue and orange are Okabe and Ito's, which the colour-blind tell apart. */
const STYLE = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1b1f24; --muted: #57606a; --grid: #e3e6ea; --one: #0072b2; --two: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1216; --card: #181c22; --text: #e6e9ed; --muted: #9aa4b0; --grid: #2b313a; --one: #56b4e9; --two: #e69f00; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 24px 16px 48px; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1160px; margin: 0 auto; }
h1 { margin: 0 0 4px; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 0 0 10px; font-size: 1.2rem; }
h3 { margin: 0; font-size: 0.95rem; }
p { margin: 0 0 8px; }
.muted { color: var(--muted); font-size: 0.875rem; font-weight: 400; }
.card { margin: 16px 0; padding: 16px; background: var(--card); border: 1px solid var(--grid); border-radius: 10px; }
.wrong { border-left: 4px solid var(--two); }
ol { margin: 0; padding-left: 24px; } li { margin-bottom: 8px; max-width: 80ch; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 250px), 1fr)); gap: 16px; }
figure { margin: 0; min-width: 0; } figcaption p { margin: 0; min-height: 3em; }
svg { width: 100%; height: auto; display: block; } svg.wide { max-width: 640px; }
svg text { fill: var(--muted); font: 11px system-ui, sans-serif; } svg.wide text { fill: var(--text); font-size: 13px; }
.grid { stroke: var(--grid); } .axis { stroke: var(--muted); } .same { stroke: var(--muted); stroke-dasharray: 4 4; }
circle { fill: var(--one); fill-opacity: 0.65; }
polygon { stroke-width: 1.5; fill-opacity: 0.25; }
polygon.before { fill: var(--two); stroke: var(--two); } polygon.after { fill: var(--one); stroke: var(--one); }
rect.gamma, rect.bar { fill: var(--one); } rect.beta { fill: var(--two); } rect.track { fill: var(--grid); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-left: 4px; }
.key.gamma, .key.after { background: var(--one); } .key.beta, .key.before { background: var(--two); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--grid); } th { font-weight: 600; white-space: normal; }
th:first-child { text-align: left; } tbody th { font-weight: 500; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--muted); }
@media print { .card { break-inside: avoid; } }
`
