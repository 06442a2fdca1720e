// The results as one HTML file that needs no network and no script.
import { INSTALL } from '../optional.mjs'
import { byTable, rowsOf } from './tables.mjs'

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --muted: #5b6470; --line: #e3e6ea; --back: #fff; --good: #14663f; --bad: #b42318 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --muted: #a6adb8; --line: #343a42; --back: #16191d; --good: #6fd3a1; --bad: #ff8a7a }
}
body { margin: 0 auto; max-width: 860px; padding: 24px 16px 64px; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
h1 { font-size: 26px; margin: 0 0 4px } h2 { font-size: 20px; margin: 40px 0 4px; border-top: 1px solid var(--line); padding-top: 20px } h3 { font-size: 15px; margin: 20px 0 6px }
p { margin: 6px 0 } .muted { color: var(--muted) } nav a { color: inherit; margin-right: 14px }
figure { margin: 16px 0 } svg { max-width: 100%; height: auto } .dark { display: none }
@media (prefers-color-scheme: dark) { .light { display: none } .dark { display: block } }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line); vertical-align: top } th { color: var(--muted); font-weight: 500 }
.reached { color: var(--good) } .missed { color: var(--bad) } details { margin: 10px 0 } summary { cursor: pointer; color: var(--muted) }
`

/** @param {string} text */
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** @param {string} cell */
const cell = (cell) => {
  const verdict = /: (reached|missed)$/.exec(cell)?.[1]
  return `<td${verdict ? ` class="${verdict}"` : ''}>${escaped(cell)}</td>`
}

/** @param {string} name @param {import('../results.mjs').PartResult} part */
function tablesOf(name, part) {
  const all = [...byTable(part)].map(([title, members]) => {
    const { head, rows } = rowsOf(members)
    const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')
    return `<h3>${escaped(title)}</h3>
<div class="scroll"><table><thead><tr>${head.map((text) => `<th>${escaped(text)}</th>`).join('')}</tr></thead>
<tbody>${body}</tbody></table></div>`
  })
  return `<details><summary>All figures of ${name}</summary>${all.join('\n')}</details>`
}

/** What the part ran on. @param {import('../results.mjs').PartResult} part */
export function provenance({ date, machine, versions, seconds }) {
  const { cpu, cores, memoryGB, os, load, roundTrip } = machine
  // (Earlier results have none.)
  const apart = Array.isArray(roundTrip)
    ? `, a word to another thread and back ${roundTrip.join(', then ')} ns`
    : ''
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${date.slice(0, 16).replace('T', ' ')} UTC, ${seconds} s`,
    `${cpu}, ${cores} cores, ${memoryGB} GB, ${os}, load ${/** @type {number[]} */ (load)[0]}${apart}`,
    libraries.join('; '),
  ]
}

/**
 * @param {import('../results.mjs').Results} results
 * @param {import('./charts.mjs').Drawn[]} charts
 */
export function page({ parts }, charts) {
  const names = Object.keys(parts)
  const sections = names.map((name) => {
    const part = parts[name]
    const drawn = charts
      .filter((chart) => chart.part === name)
      .map(
        ({ title, light, dark }) =>
          `<figure role="img" aria-label="${escaped(title)}"><div class="light">${light}</div><div class="dark">${dark}</div></figure>`,
      )
    const figures = part.figures.filter(({ target }) => target !== undefined)
    const reached = figures.filter((figure) => figure.reached).length
    return `<section id="${name}"><h2>${name}</h2>
<p class="muted">${provenance(part).map(escaped).join('<br>')}</p>
<p>${reached} of ${figures.length} targets reached.</p>
${part.missing.map((text) => `<p class="missed">Missing: ${escaped(text)}</p>`).join('\n')}
${drawn.join('\n')}
${part.notes.map((text) => `<p class="muted">${escaped(text)}</p>`).join('\n')}
${tablesOf(name, part)}</section>`
  })
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>simdgrad: benchmarks</title>
<style>${STYLE}</style>
</head>
<body>
<h1>simdgrad: benchmarks</h1>
<p>Ratios of one run, in which all sides took turns: the median, and a line from the first to the third quartile. The dashed lines are the project's targets.</p>
<nav>${names.map((name) => `<a href="#${name}">${name}</a>`).join('')}</nav>
${charts.length === 0 ? `<p class="missed">The charts are missing: ECharts is not installed; ${INSTALL} brings it.</p>` : ''}
${sections.join('\n')}
</body>
</html>
`
}
