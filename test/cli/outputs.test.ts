import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSafetensors, ones } from 'simdgrad'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Command, type MnistOptions, parseCommandLine } from '../../src/cli/options.js'
import { reportNameFor, reportPathFor, writeReport, writeWeights } from '../../src/cli/outputs.js'
import { commandLine, settingsOf } from '../../src/cli/settings.js'
import { table } from '../../src/cli/table.js'
import { initForTest } from '../support/init.js'

function options(line: string): MnistOptions {
  const parsed: Command = parseCommandLine(['mnist', ...line.split(' ').filter(Boolean)])
  if (parsed.command !== 'mnist') throw new Error(line)
  return parsed.options
}

let folder = ''
beforeAll(initForTest)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-outputs-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe("the report's name", () => {
  const LINES = {
    '': 'simdgrad-report.html',
    '--threads 3': 'simdgrad-report.html',
    '--save w.safetensors': 'simdgrad-report.html',
    '--net mlp': 'simdgrad-report-mlp.html',
    '--epochs 2': 'simdgrad-report-epochs-2.html',
    '--net cnn-bn --lr 0.05 --seed 3': 'simdgrad-report-cnn-bn-lr-0.05-seed-3.html',
    '--batch-size 64 --deterministic': 'simdgrad-report-batch-size-64-deterministic.html',
    '--data ../sets/fashion/': 'simdgrad-report-data-fashion.html',
  }

  it.each(Object.entries(LINES))("says all of '%s' that changes a figure: %s", (line, name) => {
    expect(reportNameFor(options(line))).toBe(name)
  })

  it('is one that every file system takes', () => {
    expect(reportNameFor({ ...options(''), data: '/a/*: Ä?' })).toBe('simdgrad-report-data--.html')
  })

  it('is another one for a run that ended early, so that it replaces no finished one', () => {
    expect(reportNameFor(options('--net mlp'), 'interrupted')).toBe('simdgrad-report-mlp-interrupted.html')
    expect(reportNameFor(options(''), 'stopped')).toBe('simdgrad-report-stopped.html')
  })

  it('is what --report says, and none with --json', () => {
    expect(reportPathFor(options('--report r.html'), 'interrupted')).toBe('r.html')
    expect(reportPathFor(options('--json --report r.html'))).toBe('r.html')
    expect(reportPathFor(options('--json'))).toBeUndefined()
  })
})

describe('writing', () => {
  it('tells where a report is, and whether another one was there', async () => {
    const path = join(folder, 'r.html')
    expect(await writeReport(path, 'first')).toBe(`Curves: ${path}`)
    expect(await writeReport(path, 'second')).toBe(`Curves: ${path} (in place of an earlier one)`)
    expect(readFileSync(path, 'utf8')).toBe('second')
  })

  it('keeps weights in the folder for temporary files where their own is gone', async () => {
    const state = { weight: ones([2, 3]) }
    const path = join(folder, 'w.safetensors')
    expect(await writeWeights(path, state)).toBe(`Weights: ${path}`)
    const nowhere = join(folder, 'gone', 'w.safetensors')
    const error = await writeWeights(nowhere, state).catch((reason: Error) => reason)
    const [, instead = ''] = /The weights are in (.*) instead\.$/.exec(String(error)) ?? []
    expect((await loadSafetensors(instead)).weight.shape).toEqual([2, 3])
    rmSync(instead)
    expect(readdirSync(folder)).toEqual(['w.safetensors'])
    mkdirSync(join(folder, 'gone'))
    expect(await writeWeights(nowhere, state)).toBe(`Weights: ${nowhere}`)
  })
})

describe('what a report says of its run', () => {
  it('has each setting, and the epochs that each net has by itself', () => {
    expect(settingsOf(options(''))).toEqual([
      ['learning rate', '0.1'],
      ['batch size', '32'],
      ['epochs', '10 (mlp-bn, mlp), 5 (cnn-bn, cnn)'],
      ['seed', '0'],
    ])
    expect(settingsOf(options('--net cnn --deterministic --data d'))).toEqual([
      ['learning rate', '0.1'],
      ['batch size', '32'],
      ['epochs', '5'],
      ['seed', '0'],
      ['deterministic', 'yes'],
      ['data', 'd'],
    ])
    expect(settingsOf(options('--epochs 2'))).toContainEqual(['epochs', '2'])
  })

  it('has the command as a shell takes it', () => {
    expect(commandLine(['mnist', '--lr=0.1'])).toBe('npx simdgrad mnist --lr=0.1')
    expect(commandLine(['mnist', '--data', "it's here", '--report', ''])).toBe(
      "npx simdgrad mnist --data 'it'\\''s here' --report ''",
    )
  })
})

describe('table', () => {
  const epoch = (validAcc?: number) => ({
    net: 'mlp-bn',
    epoch: 0,
    trainLoss: 0.3,
    trainAcc: 0.9,
    validLoss: 0.2,
    validAcc,
    trainSeconds: 12.345,
    validSeconds: 1,
    imagesPerSecond: 93_452.4,
    weightsHash: '',
  })

  it('has our figures beside the notebook’s', () => {
    const text = table([{ net: 'mlp-bn', seed: 0, epochs: [epoch(0.95), epoch(0.98), epoch(0.97)] }])
    expect(text).toBe(
      [
        "net     epochs  accuracy (best)           the notebook's   s/epoch  images/s",
        'mlp-bn  3       0.9500 → 0.9700 (0.9800)  0.9439 → 0.9677  12.35    93,452',
      ].join('\n'),
    )
  })

  it('has a dash where there is no accuracy', () => {
    const [, line] = table([{ net: 'own', seed: 0, epochs: [epoch(), epoch()] }]).split('\n')
    expect(line).toMatch(/^own +2 +– +– +12.35 +93,452$/)
  })

  it('says what ended early, in the net’s place', () => {
    const lines = table([
      { net: 'cnn', seed: 0, epochs: [epoch(0.9)], unfinished: 'interrupted in epoch 2 of 5' },
      { net: 'mlp-bn-layer', seed: 0, epochs: [], unfinished: 'interrupted before it began' },
    ]).split('\n')
    expect(lines[2]).toBe('              interrupted in epoch 2 of 5')
    expect(lines[3]).toBe('mlp-bn-layer  0       –                         –                –        –')
    expect(lines[4]).toBe('              interrupted before it began')
  })
})
