import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EpochProgress, formatBar, formatEpochLine, formatLoss } from '../../src/cli/progress.js'

/** A terminal of 100 columns, or a pipe, that keeps what is written to it. */
class Screen extends Writable {
  text = ''
  columns = 100
  constructor(readonly isTTY: boolean) {
    super({
      write: (chunk, _encoding, done) => {
        this.text += String(chunk)
        done()
      },
    })
  }
}

const record = {
  net: 'mlp-bn',
  epoch: 0,
  trainLoss: 0.3008471,
  trainAcc: 0.91195,
  validLoss: 0.18884,
  validAcc: 0.94389,
  trainSeconds: 25,
  validSeconds: 1.12,
  imagesPerSecond: 2400,
  weightsHash: '',
}

describe('formatEpochLine', () => {
  it("is the notebook's line, with epochs from 1", () => {
    expect(formatEpochLine(record)).toBe(
      'Epoch 1. Train Loss 0.3008, Acc 0.9120, Valid Loss 0.1888, Acc 0.9439, 26.1 s',
    )
  })

  it('says nothing of an accuracy where there is none', () => {
    expect(formatEpochLine({ ...record, trainAcc: undefined, validAcc: undefined })).toBe(
      'Epoch 1. Train Loss 0.3008, Valid Loss 0.1888, 26.1 s',
    )
  })

  it.each([
    [0, '0.00 s'],
    [0.005, '0.01 s'],
    [9.994, '9.99 s'],
    [9.996, '10.0 s'],
    [99.94, '99.9 s'],
    [99.96, '100 s'],
    [3725.07, '3725 s'],
  ])('writes %d s as %s', (seconds, time) => {
    const line = formatEpochLine({ ...record, trainSeconds: seconds, validSeconds: 0 })
    expect(line.slice(line.lastIndexOf(',') + 2)).toBe(time)
  })

  it.each([
    [0, '0.0000'],
    [9.99994, '9.9999'],
    [9.99996, '10.000'],
    [99.9996, '100.00'],
    [12345.6, '12346'],
    [999_999, '999999'],
    [1e6, '1e+6'],
    [3.4e38, '3e+38'],
  ])('writes a loss of %d as %s', (loss, text) => {
    expect(formatLoss(loss)).toBe(text)
  })

  it('fits a terminal of 80 columns, whatever the figures, to epoch 9,999', () => {
    for (const loss of [0.1, 12.3456, 123.456, 1234.56, 123_456.7, 1e7, 3.4e38]) {
      for (const seconds of [0.1, 12.34, 123.4, 1234.5, 9000]) {
        const wide = {
          epoch: 9998,
          trainLoss: loss,
          validLoss: loss,
          trainAcc: 1,
          validAcc: 0,
          trainSeconds: seconds,
        }
        expect(formatEpochLine({ ...record, ...wide }).length).toBeLessThanOrEqual(80)
      }
    }
  })
})

describe('EpochProgress', () => {
  let progress: EpochProgress | undefined
  // How often it draws is the package's own affair; the clock is ours.
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    progress?.stop()
    vi.useRealTimers()
  })

  it('draws batches, loss, speed and time left on a terminal, and removes them', () => {
    const screen = new Screen(true)
    progress = new EpochProgress(screen)
    progress.update('mlp-bn 1/10', { batch: 10, batches: 1875, loss: 0.5, imagesPerSecond: 30_000 })
    expect(screen.text).toContain('mlp-bn 1/10')
    vi.advanceTimersByTime(250)
    progress.update('mlp-bn 1/10', { batch: 900, batches: 1875, loss: 0.41237, imagesPerSecond: 37_266.4 })
    vi.advanceTimersByTime(250)
    for (const part of ['900/1875', 'loss 0.4124', '37,266 images/s', 'left']) {
      expect(screen.text).toContain(part)
    }
    expect(screen.text).not.toContain('\x1b[?25l') // the cursor stays visible
    progress.stop()
    expect(screen.text.endsWith('\x1b[2K')).toBe(true)
    const { length } = screen.text
    vi.advanceTimersByTime(250)
    expect(screen.text.length).toBe(length)
  })

  it('draws while a synchronous loop runs, but a few times a second only', () => {
    const screen = new Screen(true)
    progress = new EpochProgress(screen)
    // 2 s in which no timer can fire.
    for (let batch = 1; batch <= 2000; batch++) {
      vi.setSystemTime(Date.now() + 1)
      progress.update('cnn', { batch, batches: 1_000_000, loss: 1, imagesPerSecond: 1 })
    }
    const drawn = screen.text.split('images/s').length - 1
    expect(drawn).toBeGreaterThan(5)
    expect(drawn).toBeLessThan(25)
  })

  it('prints nothing into a pipe', () => {
    const screen = new Screen(false)
    progress = new EpochProgress(screen)
    progress.update('mlp', { batch: 5, batches: 10, loss: 1, imagesPerSecond: 1 })
    progress.stop()
    expect(screen.text).toBe('')
  })

  it('ends the bar before where another epoch begins, and takes any order of calls', () => {
    const screen = new Screen(true)
    progress = new EpochProgress(screen)
    progress.stop()
    expect(screen.text).toBe('')
    progress.update('first', { batch: 1, batches: 10, loss: 1, imagesPerSecond: 1 })
    progress.update('second', { batch: 1, batches: 10, loss: 1, imagesPerSecond: 1 })
    progress.stop()
    progress.stop()
    expect(screen.text.indexOf('\x1b[2K')).toBeLessThan(screen.text.indexOf('second'))
  })
})

describe('formatBar', () => {
  const whole = {
    label: 'mlp-bn-layer 10/10',
    value: 900,
    total: 1875,
    eta: 61.5,
    loss: 0.41237,
    imagesPerSecond: 37_266,
  }

  it('tells all that is known, in 80 columns', () => {
    expect(formatBar({ ...whole, label: 'cnn 2/5' }, 80)).toBe(
      'cnn 2/5 ███████░░░░░░░ 900/1875 · loss 0.4124 · 37,266 images/s · 1m02s left',
    )
    expect(formatBar({ ...whole, value: 1874, eta: 0.4 }, 100)).toMatch(/ · 1s left$/)
    expect(formatBar({ ...whole, eta: 3725 }, 100)).toMatch(/ · 1h02m left$/)
  })

  it.each<[what: string, change: Partial<typeof whole>, wrong: RegExp]>([
    ['the time left, at the beginning', { value: 0, eta: Number.POSITIVE_INFINITY }, /left|NaN|Inf/],
    ['the time left, before it can be told', { eta: 0 }, /left/],
    ['the time left, at the end', { value: 1875, eta: 0 }, /left/],
    ['the speed, before a batch', { value: 0 }, /images/],
    ['a speed that is no number', { imagesPerSecond: Number.NaN }, /images|NaN/],
    ['a loss that is no number', { loss: Number.NaN }, /loss|NaN/],
    ['how many batches there are', { total: Number.NaN }, /NaN|left|█|\d\//],
  ])('does not tell what nobody knows: %s', (_, change, wrong) => {
    const line = formatBar({ ...whole, label: 'cnn', ...change }, 80)
    expect(line).not.toMatch(wrong)
    expect(line).toContain(change.value === undefined ? '900' : String(change.value))
  })

  it('fits, whatever it tells, and leaves out whole parts', () => {
    for (const label of [
      'x',
      'mlp-bn-layer 10/10',
      'a-net-with-quite-a-long-name 1000/1000',
      'y'.repeat(99),
    ]) {
      for (const total of [1, 1875, 60_000, 12_345_678]) {
        for (const eta of [0, 9, 59.5, 3599.5, 360_000]) {
          for (const columns of [20, 40, 79, 80]) {
            const line = formatBar(
              { ...whole, label, total, value: total - 1, eta, imagesPerSecond: 1e7 },
              columns,
            )
            expect(line.length).toBeLessThanOrEqual(columns)
            expect(line).not.toMatch(/·$|loss$/)
          }
        }
      }
    }
  })
})
