// How a chart looks: options for ECharts, which draws SVG without a browser.
import { digits } from './tables.mjs'

/**
 * @typedef {import('../results.mjs').Figure} Figure
 * @typedef {object} Palette
 * @property {string} ink
 * @property {string} muted
 * @property {string} grid
 * @property {string[]} target lines of the first two series
 * @property {string} onBar text on a bar
 * @property {string[]} series
 *
 * @typedef {object} Bars horizontal bars, in groups
 * @property {string} title
 * @property {string} axis what the bars measure, with its unit
 * @property {string[]} groups
 * @property {{ name: string, values: (Figure | undefined)[] }[]} series a value for each group
 * @property {boolean} [log]
 *
 * @typedef {object} Lines
 * @property {string} title
 * @property {string} axis
 * @property {string} across what the categories are
 * @property {string[]} categories
 * @property {{ name: string, values: number[] }[]} series
 * @property {number} [target]
 */

/** @type {Record<'light' | 'dark', Palette>} */
export const PALETTES = {
  light: {
    ...{
      ink: '#1c2024',
      muted: '#5b6470',
      grid: '#e3e6ea',
      target: ['#0f3d73', '#8a3400'],
      onBar: '#ffffff',
    },
    series: ['#2563a8', '#b4530a', '#1b7f5c', '#7a4bb3', '#5f6b7a', '#b0306f', '#6b7a00'],
  },
  dark: {
    ...{
      ink: '#e8eaed',
      muted: '#a6adb8',
      grid: '#343a42',
      target: ['#b8d8ff', '#ffcf9e'],
      onBar: '#14171a',
    },
    series: ['#7ab3ef', '#f0a35e', '#5fcaa2', '#bfa0ee', '#aab4c0', '#ef8ab8', '#c5d05a'],
  },
}

export const WIDTH = 760
// Single quotes: the drawing's library writes it into an attribute as it is.
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"

/** @param {Palette} palette @param {string} name @param {Record<string, unknown>} more */
const valueAxis = (palette, name, more) => ({
  type: 'value',
  name,
  nameLocation: 'middle',
  nameGap: 30,
  nameTextStyle: { color: palette.muted },
  axisLabel: { color: palette.muted },
  splitLine: { lineStyle: { color: palette.grid } },
  ...more,
})

/** @param {Palette} palette @param {string[]} names @param {Record<string, unknown>} more */
const categoryAxis = (palette, names, more) => ({
  type: 'category',
  data: names,
  axisLabel: { color: palette.ink },
  axisLine: { lineStyle: { color: palette.muted } },
  axisTick: { show: false },
  ...more,
})

/** @param {Palette} palette @param {string} title @param {boolean} legend */
const frame = (palette, title, legend) => ({
  animation: false,
  textStyle: { fontFamily: FONT },
  color: palette.series,
  title: { text: title, left: 8, top: 4, textStyle: { color: palette.ink, fontSize: 15, fontFamily: FONT } },
  ...(legend && { legend: { top: 30, left: 8, itemGap: 32, textStyle: { color: palette.ink } } }),
})

/** @param {string} color @param {string} axis `xAxis` or `yAxis` @param {number} target */
const targetLine = (color, axis, target) => ({
  symbol: 'none',
  silent: true,
  lineStyle: { color, type: 'dashed', width: 1.5 },
  label: {
    formatter: `${target}`,
    color,
    position: axis === 'xAxis' ? 'start' : 'end',
  },
  data: [{ [axis]: target }],
})

/**
 * The quartiles across the end of each bar, and the target where each bar has its own.
 *
 * @param {Palette} palette
 * @param {Bars} bars
 * @param {number} index of the series
 */
function whiskers(palette, { series }, index) {
  const own = commonTarget(series[index].values) === undefined
  return {
    type: 'custom',
    silent: true,
    z: 3,
    data: series[index].values.flatMap((figure, group) =>
      figure ? [[figure.q1, group, figure.q3, own ? (figure.target ?? null) : null]] : [],
    ),
    encode: { x: [0, 2, 3], y: 1 },
    /** @param {unknown} _ @param {any} api */
    renderItem(_, api) {
      const group = api.value(1)
      const layout = api.barLayout({ barGap: '10%', barCategoryGap: '25%', count: series.length })[index]
      const [from, y] = api.coord([api.value(0), group])
      const [to] = api.coord([api.value(2), group])
      const at = y + layout.offsetCenter
      const style = { stroke: palette.ink, lineWidth: 1 }
      /** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
      const line = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style })
      const children =
        from === to
          ? []
          : [line(from, at, to, at), line(from, at - 3, from, at + 3), line(to, at - 3, to, at + 3)]
      if (Number.isFinite(api.value(3))) {
        const [target] = api.coord([api.value(3), group])
        const half = layout.width / 2 + 1
        const shape = { x1: target, y1: at - half, x2: target, y2: at + half }
        const dashed = { stroke: palette.target[index % 2], lineWidth: 2, lineDash: [3, 2] }
        children.push({ type: 'line', shape, style: dashed })
      }
      return { type: 'group', children }
    },
  }
}

/** The target, if every bar of a series has the same. @param {(Figure | undefined)[]} figures */
function commonTarget(figures) {
  const target = figures[0]?.target
  return figures.every((figure) => figure?.target === target) ? target : undefined
}

/** @param {Palette} palette @param {Bars} bars */
export function barsOption(palette, bars) {
  const { title, axis, groups, series, log = false } = bars
  const aims = series.some((one) => one.values.some((figure) => figure?.target !== undefined))
  const legend = series.length > 1
  const values = series.flatMap((one) => one.values.flatMap((figure) => (figure ? [figure.median] : [])))
  // On a logarithmic axis, bars grow from a power of ten.
  const scale = log ? { type: 'log', min: 10 ** Math.floor(Math.log10(Math.min(...values))) } : {}
  return {
    ...frame(palette, title, legend),
    // Without a browser the width of a text is a guess: seven pixels a letter.
    grid: {
      ...{ left: 16 + 7 * Math.max(...groups.map((name) => name.length)), right: 40 },
      ...{ top: legend ? 76 : 52, bottom: 44 },
    },
    xAxis: valueAxis(palette, aims ? `${axis}; dashed: targets` : axis, scale),
    yAxis: categoryAxis(palette, groups, { inverse: true }),
    series: series.flatMap(({ name, values: figures }, index) => {
      const target = commonTarget(figures)
      return [
        {
          type: 'bar',
          name,
          itemStyle: { color: palette.series[index] },
          barGap: '10%',
          barCategoryGap: '25%',
          data: figures.map((figure) => figure?.median ?? null),
          label: {
            show: true,
            position: 'insideLeft',
            color: palette.onBar,
            fontSize: 10,
            /** @param {{ value: number }} item */
            formatter: ({ value }) => (value === null ? '' : digits(value)),
          },
          ...(target !== undefined && { markLine: targetLine(palette.target[index % 2], 'xAxis', target) }),
        },
        whiskers(palette, bars, index),
      ]
    }),
  }
}

/** @param {Palette} palette @param {Lines} lines */
export function linesOption(palette, { title, axis, across, categories, series, target }) {
  const legend = series.length > 1
  return {
    ...frame(palette, title, legend),
    grid: { left: 70, right: 90, top: legend ? 66 : 44, bottom: 52 },
    xAxis: categoryAxis(palette, categories, {
      ...{ name: across, nameLocation: 'middle', nameGap: 28, nameTextStyle: { color: palette.muted } },
    }),
    yAxis: valueAxis(palette, target === undefined ? axis : `${axis}; dashed: target`, {
      ...{ min: 0, nameGap: 44 },
    }),
    series: series.map(({ name, values }, i) => ({
      ...{ type: 'line', name, data: values, symbolSize: 6 },
      ...(i === 0 && target !== undefined && { markLine: targetLine(palette.target[0], 'yAxis', target) }),
    })),
  }
}

/** Pixels that a chart needs. @param {Bars} bars */
export function heightOf({ groups, series }) {
  return 130 + groups.length * (series.length * 16 + 8)
}
