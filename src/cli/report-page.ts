/** What runs and looks nice inside the HTML report: its style sheet, and the code of its charts. */
import type uPlot from 'uplot'

/** Which colour a line has: batch norm, the layer nn.BatchNorm1d where both are shown, or none. */
export type Tone = 'norm' | 'layer' | 'plain' | 'other'

/** One chart, as it is embedded in the page; `values` has one number (or a gap) an epoch. */
export interface ChartData {
  /** The id of the element that it is drawn in. */
  id: string
  /** Charts of one group show the same epoch when one of them is pointed at. */
  group: string
  percent: boolean
  /** From 1. */
  epochs: number[]
  lines: { label: string; tone: Tone; dash: number[]; values: (number | null)[] }[]
}

/**
 * Draws the charts. Its source text is put into the page, so it uses its arguments and the
 * browser's own names only, and no syntax that a compiler would need a helper for.
 */
export function drawCharts(UPlot: typeof uPlot, charts: ChartData[]): void {
  let drawn: { plot: uPlot; place: HTMLElement }[] = []
  const colour = (name: string): string =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
  const sizeIn = (place: HTMLElement): { width: number; height: number } => ({
    width: place.clientWidth,
    height: Math.round(Math.min(300, Math.max(210, place.clientWidth * 0.55))),
  })

  // Only steps of 1, 2 and 5, whose labels are short.
  const steps = [-5, -4, -3, -2, -1, 0, 1].flatMap((power) =>
    [1, 2, 5].map((digit) => Number(`${digit}e${power}`)),
  )
  /** Some air around the values, but no accuracy above 100 % and no loss below 0. */
  const rangeOf = (percent: boolean, min: number | null, max: number | null): [number, number] => {
    if (min === null || max === null) return [0, 1]
    const air = (max - min || Math.abs(max) || 1) * 0.08
    return percent ? [min - air, Math.min(1, max + air)] : [Math.max(0, min - air), max + air]
  }

  const draw = (chart: ChartData, place: HTMLElement): uPlot => {
    const last = chart.epochs.length - 1
    const axis = { stroke: colour('muted'), font: '12px system-ui, sans-serif' }
    const lines = { stroke: colour('grid'), width: 1 }
    const show = (value: number | null): string => {
      if (value === null || value === undefined) return '–'
      return chart.percent ? `${(100 * value).toFixed(2)}\u00a0%` : value.toFixed(4)
    }
    return new UPlot(
      {
        ...sizeIn(place),
        padding: [12, 14, 0, 0],
        cursor: { drag: { x: false, y: false }, sync: { key: chart.group } },
        legend: { markers: { width: 2 } },
        scales: {
          x: {
            time: false,
            range: () => [(chart.epochs[0] ?? 0) - 0.2, (chart.epochs[last] ?? 0) + 0.2],
          },
          y: { range: (_, min, max) => rangeOf(chart.percent, min, max) },
        },
        axes: [
          {
            ...axis,
            grid: lines,
            ticks: lines,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
            space: 28,
            label: 'Epoch',
            labelFont: axis.font,
            labelSize: 20,
            size: 34,
          },
          {
            ...axis,
            grid: lines,
            ticks: lines,
            incrs: steps,
            size: 60,
            space: 26,
            values: (_, splits, __, ___, step) =>
              splits.map((value) => {
                const scale = chart.percent ? 100 : 1
                const digits = Math.max(0, Math.ceil(-Math.log10(step * scale) - 1e-9))
                return `${(value * scale).toFixed(digits)}${chart.percent ? '\u00a0%' : ''}`
              }),
          },
        ],
        series: [
          { label: 'Epoch', value: (_, epoch) => (epoch === null ? '–' : String(epoch)) },
          ...chart.lines.map((line) => ({
            label: line.label,
            stroke: colour(line.tone),
            width: 2.5,
            dash: line.dash,
            points: { show: true, size: 6, fill: colour(line.tone) },
            value: (_: uPlot, value: number | null) => show(value),
          })),
        ],
        hooks: {
          ready: [(plot) => plot.setLegend({ idx: last })],
          // Where nothing is pointed at, the legend tells the last epoch.
          setLegend: [
            (plot) => {
              if (plot.legend.idx == null) plot.setLegend({ idx: last })
            },
          ],
        },
      },
      [chart.epochs, ...chart.lines.map((line) => line.values)],
      place,
    )
  }

  const drawAll = (): void => {
    for (const { plot } of drawn) plot.destroy()
    drawn = []
    for (const chart of charts) {
      const place = document.getElementById(chart.id)
      if (place) drawn.push({ plot: draw(chart, place), place })
    }
  }

  drawAll()
  const resized = new ResizeObserver(() => {
    for (const { plot, place } of drawn) {
      if (plot.width !== place.clientWidth) plot.setSize(sizeIn(place))
    }
  })
  for (const { place } of drawn) resized.observe(place)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll)
}

/**
 * The style sheet. Blue, orange, green and purple are Okabe and Ito's, which the colour-blind tell
 * apart (jfly.uni-koeln.de/color), darker on white and lighter on black.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --muted: #57606a; --grid: #e3e6ea;
  --norm: #0072b2; --plain: #d55e00; --layer: #007a5a; --other: #9a4f80;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --card: #181c22; --text: #e6e9ed; --muted: #9aa4b0; --grid: #2b313a;
    --norm: #56b4e9; --plain: #e69f00; --layer: #2fc79a; --other: #d795bb;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 24px 16px 48px; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
}
main { max-width: 1160px; margin: 0 auto; }
h1 { margin: 0 0 4px; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 40px 0 12px; font-size: 1.25rem; }
h3 { margin: 0; font-size: 1rem; }
p { margin: 0 0 8px; }
.unfinished { font-weight: 600; }
.muted { color: var(--muted); font-size: 0.9rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.charts { gap: 16px; }
figure, .card {
  margin: 0; padding: 16px; background: var(--card); border: 1px solid var(--grid);
  border-radius: 10px; min-width: 0;
}
figure { display: flex; flex-direction: column; }
figcaption { margin-bottom: 8px; font-size: 0.9rem; }
figcaption p { margin: 4px 0 0; }
figcaption p:first-of-type { margin-bottom: 6px; color: var(--muted); }
.chart { margin-top: auto; min-height: 210px; overflow: hidden; }
.uplot { width: 100%; font: inherit; }
.u-legend { text-align: left; font-variant-numeric: tabular-nums; font-size: 0.85rem; }
.u-legend .u-series > * { padding: 2px 4px; }
.u-legend .u-marker { height: 0; width: 18px; margin-right: 7px; }
.u-legend tr:first-child .u-marker { display: none; }
.u-cursor-x { border-color: var(--muted) !important; }
.scroll { overflow-x: auto; padding: 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
.u-legend { width: auto; }
.card table { font-variant-numeric: tabular-nums; white-space: nowrap; }
.card th, .card td { padding: 7px 10px; text-align: right; }
.card th { font-weight: 600; white-space: normal; }
.card thead th {
  color: var(--muted); vertical-align: bottom; border-bottom: 1px solid var(--grid);
}
.card tbody + tbody tr:first-child > * { border-top: 1px solid var(--grid); }
.card th:first-child { text-align: left; padding-left: 16px; }
.card tbody th { min-width: 130px; font-weight: 500; }
.key {
  display: inline-block; width: 10px; height: 10px; margin-right: 7px; border-radius: 3px;
}
.key-norm { background: var(--norm); } .key-plain { background: var(--plain); }
.key-layer { background: var(--layer); } .key-other { background: var(--other); }
code { font: 0.85em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
@media print { figure, .card { break-inside: avoid; } .scroll { overflow: visible; } }
`
