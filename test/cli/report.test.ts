import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { type EpochRecord, type RunHistory, renderReport } from '../../src/cli/report.js'
import type { ChartData } from '../../src/cli/report-page.js'

const about = {
  runtime: 'Node 20.20.2',
  simd: 'relaxed',
  threads: 2,
  reason: 'everything is there',
  date: '2026-11-23',
  command: 'npx simdgrad mnist',
  settings: [
    ['learning rate', '0.1'],
    ['seed', '0'],
  ] as const,
}

function run(net: string, epochs: number, seed = 0, changes: Partial<EpochRecord> = {}): RunHistory {
  const records = Array.from({ length: epochs }, (_, epoch) => ({
    net,
    epoch,
    trainLoss: 0.3 / (epoch + 1),
    trainAcc: 0.9 + epoch / 100,
    validLoss: epoch === 1 ? 0.125 : 0.25,
    validAcc: epoch === 1 ? 0.9612 : 0.95,
    trainSeconds: 1.5,
    validSeconds: 0.25,
    imagesPerSecond: 40_000,
    weightsHash: 'c0ffee'.padEnd(64, String(epoch)),
    ...changes,
  }))
  return { net, seed, epochs: records }
}

const embedded = (html: string): string =>
  /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
const chartsOf = (html: string): ChartData[] => JSON.parse(embedded(html))

describe('renderReport', () => {
  const html = renderReport([run('mlp-bn', 3), run('mlp', 3), run('cnn-bn', 2)], about)

  it('needs no network', () => {
    expect(html).toContain("default-src 'none'")
    expect(html).not.toMatch(/<link|<img|<iframe|\ssrc=|@import|url\(/)
    expect(html.match(/<script/g)).toHaveLength(3)
    expect(html.match(/<\/script/g)).toHaveLength(3)
    expect(html).toContain('uPlot')
  })

  it('has four charts for each family that ran, with every value', () => {
    const charts = chartsOf(html)
    expect(charts.map(({ id }) => id)).toEqual(
      ['mlp', 'cnn'].flatMap((family) =>
        ['trainLoss', 'validLoss', 'trainAcc', 'validAcc'].map((key) => `${family}-${key}`),
      ),
    )
    for (const { id } of charts) expect(html).toContain(`<div class="chart" id="${id}">`)
    expect(charts[0]?.epochs, 'from 1').toEqual([1, 2, 3])
    expect(charts[0]?.lines.map(({ label, tone }) => [label, tone])).toEqual([
      ['mlp-bn', 'norm'],
      ['mlp', 'plain'],
    ])
    expect(charts[1]?.lines[0]?.values).toEqual([0.25, 0.125, 0.25])
    expect(html).not.toContain('Other networks')
  })

  it('says in words how each net ends and when it was best', () => {
    expect(html).toContain('mlp-bn (batch norm) ends at 0.2500; best 0.1250 in epoch 2.')
    expect(html).toContain('mlp (no batch norm) ends at 95.00\u00a0%; best 96.12\u00a0% in epoch 2.')
    expect(html).toContain('mlp (no batch norm) ends at 0.1000, its best.')
  })

  it('shows no accuracy where there is none', () => {
    const page = renderReport([run('mlp', 2, 0, { trainAcc: undefined, validAcc: undefined })], about)
    expect(page).toContain('mlp (no batch norm) has no answers that are right or wrong.')
    expect(chartsOf(page)[3]?.lines[0]?.values).toEqual([null, null])
    expect(page.match(/<t[dh].*?<\/t[dh]>/gs)?.join('')).not.toMatch(/NaN|undefined|Infinity/)
  })

  it('has a row with every figure of every epoch', () => {
    const rows = html.slice(html.indexOf('All figures')).match(/<tr><th scope="row">.*?<\/tr>/gs)
    expect(rows).toHaveLength(8)
    const text = rows?.[1]?.replaceAll(/<[^>]*>/g, ' ').replaceAll(/ +/g, ' ')
    expect(
      text
        ?.split(/\s*\n?\s+/)
        .filter(Boolean)
        .join(' '),
    ).toBe('mlp-bn 0 2 0.1500 0.1250 91.00 % 96.12 % 1.50 s 0.25 s 40,000 c0ffee111111')
    expect(rows?.[1]).toContain(`title="${'c0ffee'.padEnd(64, '1')}"`)
  })

  it('tells runs of one net apart by seed, with colour and dashes', () => {
    const [chart] = chartsOf(renderReport([run('mlp', 2, 0), run('mlp', 3, 1)], about))
    expect(chart?.lines.map(({ label }) => label)).toEqual(['mlp, seed 0', 'mlp, seed 1'])
    expect(new Set(chart?.lines.map(({ tone }) => tone))).toEqual(new Set(['plain']))
    expect(chart?.lines[0]?.dash).not.toEqual(chart?.lines[1]?.dash)
    expect(chart?.epochs).toEqual([1, 2, 3])
    expect(chart?.lines[0]?.values[2]).toBeNull()
  })

  it('shows a layer, an unknown net, one epoch, a diverged loss and nothing at all', () => {
    const other = renderReport([run('mlp-bn-layer', 1), run('vit', 1, 0, { trainLoss: NaN })], about)
    expect(other).toContain('mlp-bn-layer (nn.BatchNorm1d) ends at 0.3000.')
    expect(other).toContain('Other networks')
    expect(other).toContain('vit has no finite value.')
    expect(chartsOf(other)[4]?.lines[0]?.values).toEqual([null])
    expect(renderReport([], about)).toContain('No epoch was finished.')
    expect(renderReport([{ net: 'mlp', seed: 0, epochs: [] }], about)).toContain('No epoch')
  })

  it('escapes every text, in the page and in its data', () => {
    const evil = '</script><script>alert(1)</script><!--&"\''
    const history = { ...run(evil, 1, 0, { weightsHash: evil }), unfinished: evil }
    const page = renderReport([history], {
      ...about,
      runtime: evil,
      simd: evil,
      reason: evil,
      date: evil,
      command: evil,
      settings: [[evil, evil]],
    })
    expect(page).not.toContain('<script>alert')
    expect(page).not.toContain('<!--')
    expect(page.match(/<\/script/g)).toHaveLength(3)
    expect(chartsOf(page)[0]?.lines[0]?.label).toBe(evil)
  })

  it('tells the command and its settings, and what did not come to its end', () => {
    expect(html).toContain('learning rate 0.1 · seed 0<br><code>npx simdgrad mnist</code>')
    expect(html).not.toContain('class="unfinished"')
    const early = renderReport(
      [
        { ...run('mlp-bn', 1), unfinished: 'interrupted in epoch 2 of 10' },
        { net: 'mlp', seed: 0, epochs: [], unfinished: 'interrupted before it began' },
      ],
      about,
    )
    expect(early).toContain('mlp-bn: interrupted in epoch 2 of 10')
    expect(early).toContain('mlp: interrupted before it began')
    expect(chartsOf(early)[0]?.lines.map(({ label }) => label)).toEqual(['mlp-bn'])
  })

  it('runs its own script: one plot a chart, which shows the last epoch', () => {
    const script = /const charts = JSON[\s\S]*?(?=<\/script>)/.exec(html)?.[0] ?? ''
    const plots: { data: unknown[]; options: { series: { stroke?: string }[] } }[] = []
    class FakePlot {
      width = 300
      constructor(options: { series: { stroke?: string }[] }, data: unknown[]) {
        plots.push({ options, data })
      }
    }
    const observed: unknown[] = []
    const style = { getPropertyValue: (name: string) => ` colour of ${name}` }
    runInNewContext(script, {
      uPlot: FakePlot,
      document: {
        documentElement: {},
        getElementById: (id: string) => ({ id, textContent: embedded(html), clientWidth: 300 }),
      },
      getComputedStyle: () => style,
      matchMedia: () => ({ addEventListener: () => undefined }),
      ResizeObserver: class {
        observe(place: unknown): void {
          observed.push(place)
        }
      },
    })
    expect(plots).toHaveLength(8)
    expect(observed).toHaveLength(8)
    expect(JSON.stringify(plots[1]?.data)).toBe('[[1,2,3],[0.25,0.125,0.25],[0.25,0.125,0.25]]')
    expect(plots[0]?.options.series.map(({ stroke }) => stroke)).toEqual([
      undefined,
      'colour of --norm',
      'colour of --plain',
    ])
  })
})
