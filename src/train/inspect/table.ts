/** An inspection in letters. */
import type { Figures } from './passes.js'
import type { NormReport, ReportContents } from './types.js'

/** A number in some three digits. */
export function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

/** A share in percent. */
export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(100 * share).toFixed(1)} %`
}

/** What the modes are called. */
export const MODES = [
  ['evaluation', 'evaluation'],
  ['training', 'training mode'],
  ['trainingSorted', 'training mode, sorted by class'],
  ['recalibrated', 'after recalibration'],
] as const

/** How many channels of a layer carry something. */
export function liveText({ channels }: NormReport): string {
  const dead = channels.filter((channel) => channel.dead !== undefined).length
  return dead === 0 ? `${channels.length}` : `${channels.length}, ${dead} dead`
}

/** PyTorch's momentum in words. */
export function momentumText(momentum: number | null | undefined): string {
  return momentum === undefined ? '–' : momentum === null ? 'average' : `${Number(momentum.toPrecision(3))}`
}

/** The table of a report, with its advice. */
export function tableOf(report: ReportContents): string {
  const { layers, modes, advice, samples, batchSize } = report
  const head = [
    'layer',
    'channels',
    'mode',
    'momentum',
    'batches',
    'drift (σ)',
    'worst',
    'var ratio',
    'error',
  ]
  const rows = layers.map((layer) => [
    layer.path || '(the net)',
    liveText(layer),
    layer.mode,
    momentumText(layer.momentum),
    layer.batchesTracked === undefined ? '–' : String(layer.batchesTracked),
    short(layer.drift),
    short(Math.max(...layer.channels.map(({ drift }) => Math.abs(drift)))),
    short(layer.varianceRatio),
    percent(layer.errorShare),
  ])
  const figures = MODES.flatMap(([key, title]): string[][] => {
    const own: Figures | undefined = modes[key]
    return own?.loss === undefined ? [] : [[title, short(own.loss), percent(own.accuracy)]]
  })
  return [
    `${samples.toLocaleString('en')} samples, in batches of ${batchSize}`,
    '',
    ...(layers.length > 0 ? columns([head, ...rows]) : ['there is no batch norm with running statistics']),
    '',
    ...(figures.length > 0 ? [...columns([['', 'loss', 'accuracy'], ...figures]), ''] : []),
    ...(advice.length > 0 ? advice.map(({ text }) => `- ${text}`) : ['Nothing is wrong.']),
  ].join('\n')
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}
