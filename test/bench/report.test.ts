import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { page } from '../../bench/report/page.mjs'
import { withSpeed, withSummary } from '../../bench/report/readme.mjs'
import { digits, losses, tables } from '../../bench/report/tables.mjs'
import { figure } from '../../bench/results.mjs'

const what = { part: 'jobs', table: 'epoch', row: 'mlp', column: 'strict, against PyTorch (eager)' }
const jobs = {
  date: '2026-11-23T10:00:00.000Z',
  machine: { cpu: 'A CPU', cores: 2, memoryGB: 8, os: 'linux', load: [0.5, 0, 0] },
  versions: { torch: '2.15' },
  ...{ options: {}, seconds: 60, notes: ['warm-up'], missing: ['JAX: not <here>'] },
  figures: [figure({ ...what, unit: '×', target: 2.3, detail: '1 s against 3 s' }, [2.9, 3, 3.2])],
  cells: [{ table: 'epoch', row: 'cnn', column: 'tfjs', text: 'Error: no kernel' }],
}
const results = { format: 1 as const, parts: { jobs } }

describe('tables', () => {
  it('show the median, the quartiles, the target and the details; errors, notes and what is missing', () => {
    const text = tables(jobs)
    expect(text).toMatch(
      /\| mlp +\| strict, against PyTorch \(eager\) +\| 3\.00 × \[2\.95–3\.10\] +\| ≥ 2\.3: reached +\| 1 s against 3 s +\|/,
    )
    expect(text).toMatch(/\| cnn +\| tfjs +\| Error: no kernel/)
    expect(text).toContain('Missing: JAX: not <here>')
    expect(text).toContain('warm-up')
  })

  it('round to three figures', () => {
    expect([0.1234, 1.234, 12.34, 123.4, 1234].map(digits)).toEqual(['0.12', '1.23', '12.3', '123', '1234'])
  })

  it('name each ratio that was lost', () => {
    const lost = { id: 'jobs/epoch/mlp/strict', before: 3, after: 2, loss: 1 / 3 }
    const text = losses({ losses: [lost], compared: 4, gone: ['jobs/x'] })
    expect(text).toContain('Lost 33 %: jobs/epoch/mlp/strict was 3.00, is 2.00')
    expect(text).toContain('Not measured here: jobs/x')
    expect(text).toContain('4 ratios compared, 1 lost')
  })
})

describe('the page', () => {
  it('holds figures and charts, fetches nothing, and escapes what it was given', () => {
    const html = page(results, [
      { part: 'jobs', title: 'An epoch', file: 'jobs', light: '<svg>light</svg>', dark: '<svg>dark</svg>' },
    ])
    expect(html).toContain('3.00 × [2.95–3.10]')
    expect(html).toContain('<td class="reached">≥ 2.3: reached</td>')
    expect(html).toContain('<svg>light</svg>')
    expect(html).toContain('<svg>dark</svg>')
    expect(html).toContain('JAX: not &lt;here&gt;')
    expect(html).not.toMatch(/<script|src=|https?:/)
  })

  it('says what brings the charts where there are none', () => {
    expect(page(results, [])).toContain('npm ci --prefix bench')
  })
})

describe('docs/speed.md and README.md', () => {
  const [start, end] = ['<!-- bench:start (npm run bench writes this) -->', '<!-- bench:end -->']
  const readme = `before\n${start}\nold\n${end}\nafter\n`

  it('has the newest results between its markers, and nothing else changes', () => {
    const text = withSpeed(readme, results)
    expect(text).toMatch(/^before\n/)
    expect(text).toMatch(/\nafter\n$/)
    expect(text).not.toContain('old')
    expect(text).toMatch(/\| mlp +\| 3\.00 \[2\.95–3\.10\] +\|/)
    expect(text).toContain('(target 2.3)')
    expect(text).toMatch(/\| jobs +\| epoch +\| 3\.00 … 3\.00 × +\| 2\.3 +\| 1 of 1 +\|/)
    expect(withSpeed(text, results)).toBe(text)
  })

  it('shows other nets with their own targets and shares, and no megabytes', () => {
    const of = (row: string, column: string, unit: '×' | '%' | 'MB', target: number, value: number) =>
      figure({ ...what, part: 'nets', row, column, unit, target }, [value])
    const nets = {
      ...jobs,
      figures: [
        of('gru', 'strict, against PyTorch (eager)', '×', 2, 3),
        of('gru', 'strict, uncompiled', '%', 75, 80),
        of('vgg', 'strict, against PyTorch (eager)', '×', 1.9, 4),
        of('ResNet-20', 'compiled', 'MB', 130, 99),
      ],
    }
    const text = withSpeed(readme, { format: 1, parts: { nets } })
    expect(text).toMatch(
      /\| times as fast +\| strict, against PyTorch \(eager\) +\| strict, uncompiled \(target 75\) \|/,
    )
    expect(text).toMatch(/\| gru +\| 3\.00 \[3\.00–3\.00\], target 2 +\| 80\.0 \[80\.0–80\.0\] +\|/)
    expect(text).toMatch(/\| vgg +\| 4\.00 \[4\.00–4\.00\], target 1\.9 +\| – +\|/)
    expect(text).not.toContain('ResNet-20')
    expect(text).toContain('src="../bench/results/nets-light.svg')
  })

  it('sum up in one table of medians, and the range of other nets, the slow ones too', () => {
    const compiled = figure({ ...what, column: 'strict, against torch.compile', unit: '×' }, [4])
    const of = (row: string, value: number) =>
      figure({ ...what, part: 'nets', row, unit: '×', target: 1 }, [value])
    const parts = {
      jobs: { ...jobs, figures: [...jobs.figures, compiled] },
      nets: { ...jobs, figures: [of('slow', 0.5), of('fast', 9)] },
    }
    const text = withSummary(readme, { format: 1, parts })
    expect(text).toMatch(/^before\n/)
    expect(text).toMatch(/\nafter\n$/)
    expect(text).toContain('A CPU, 2 cores, 2026-11-23')
    expect(text).toMatch(/\| times as fast \| strict, against PyTorch \(eager\) \|\n/)
    expect(text).toMatch(/\| mlp +\| 3\.00 +\|\n/)
    expect(text).toContain('is 0.50 to 9.00 times as fast')
    expect(withSummary(text, { format: 1, parts })).toBe(text)
  })

  it('must have the markers', () => {
    expect(() => withSpeed('nothing', results)).toThrow('has no')
    expect(() => withSummary('nothing', results)).toThrow('has no')
  })
})

describe('the committed charts', () => {
  const folder = new URL('../../bench/results/', import.meta.url)
  const charts = readdirSync(folder).filter((name) => name.endsWith('.svg'))

  it.each(charts)('%s is well-formed: a browser shows nothing behind a broken attribute', (name) => {
    const tags = readFileSync(new URL(name, folder), 'utf8').match(/<[^!][^>]*>/g) ?? []
    const bare = tags.map((tag) => tag.replace(/\s[\w:.-]+="[^"<]*"/g, ''))
    expect(bare.length).toBeGreaterThan(20)
    expect(bare.filter((tag) => !/^<[/?]?[\w:-]+\s*[/?]?>$/.test(tag))).toEqual([])
  })
})
