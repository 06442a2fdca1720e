import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError } from 'simdgrad'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { reportOf } from '../../src/cli/histories.js'
import { parseCommandLine } from '../../src/cli/options.js'
import { ArgumentError } from '../../src/errors.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-histories-'))
  vi.spyOn(console, 'log').mockImplementation(() => {})
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
  vi.restoreAllMocks()
})

const epoch = (i: number) => ({
  ...{ epoch: i, trainLoss: 1 / (i + 1), trainAcc: undefined, validLoss: Number.NaN },
  ...{ trainSeconds: 1, validSeconds: 0, imagesPerSecond: 100 },
})
const history = { epochs: [epoch(0), epoch(1)], aborted: false, compiled: true }

const write = (name: string, value: unknown) => {
  writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value))
  return join(folder, name)
}

describe('report', () => {
  it('makes one page of histories, beside the first, with settings and what ended them', async () => {
    const first = write('a.json', {
      name: 'my <net>',
      settings: { lr: 0.1, kind: 'a' },
      ...history,
      aborted: true,
    })
    const second = write('b.json', { ...history, stopped: 'validLoss got no better' })
    await reportOf([first, second], undefined, ['report', first, second])
    expect(readdirSync(folder).sort()).toEqual(['a.html', 'a.json', 'b.json'])
    const html = readFileSync(join(folder, 'a.html'), 'utf8')
    expect(html).toContain('<h1>Trained with simdgrad</h1>')
    expect(html).toContain('my &#60;net&#62; lr 0.1 · my &#60;net&#62; kind a')
    expect(html).toContain('my &#60;net&#62;: interrupted after epoch 2')
    expect(html).toContain('b: stopped after epoch 2: validLoss got no better')
    expect(html).not.toMatch(/MNIST|>undefined/)
  })

  it('goes where it is told', async () => {
    await reportOf([write('a.json', history)], join(folder, 'x.html'), ['report'])
    expect(readFileSync(join(folder, 'x.html'), 'utf8')).toContain('<h1>')
  })

  it.each([
    ['no JSON', '{', /can't be read as JSON/],
    ['a list', [], /no epochs/],
    ['an epoch that is none', { epochs: [1] }, /epoch 0 is none/],
    ['a loss in words', { epochs: [{ epoch: 0, trainLoss: 'low' }] }, /trainLoss of epoch 0/],
    ['a name that is a number', { name: 5, epochs: [] }, /name/],
  ])('refuses %s', async (_, value, message) => {
    const file = write('a.json', value)
    await expect(reportOf([file], undefined, [])).rejects.toThrow(DataError)
    await expect(reportOf([file], undefined, [])).rejects.toThrow(message)
  })
})

describe('its command line', () => {
  it('has files, and --report', () => {
    const report = { command: 'report', files: ['a.json', 'b.json'], report: 'r.html' }
    expect(parseCommandLine(['report', 'a.json', 'b.json', '--report', 'r.html'])).toEqual(report)
  })

  it.each([
    [['report'], /needs the histories/],
    [['report', 'a.json', '--lr', '1'], /--lr is an option of 'simdgrad mnist'/],
  ])('%s is refused', (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(ArgumentError)
    expect(() => parseCommandLine(args)).toThrow(message)
  })
})
