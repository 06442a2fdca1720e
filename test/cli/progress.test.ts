import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EpochProgress, formatEpochLine } from '../../src/cli/progress.js'

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
  it("is the notebook's line", () => {
    expect(formatEpochLine(record)).toBe(
      'Epoch 0. Train Loss: 0.300847, Train Acc: 0.911950, Valid Loss: 0.188840, ' +
        'Valid Acc: 0.943890, Time 00:00:26.12',
    )
  })

  it.each([
    [0, '00:00:00.00'],
    [0.005, '00:00:00.01'],
    [59.994, '00:00:59.99'],
    [59.995, '00:01:00.00'],
    [3599.999, '01:00:00.00'],
    [3725.07, '01:02:05.07'],
    [360_000, '100:00:00.00'],
  ])('writes %d s as %s', (seconds, time) => {
    const line = formatEpochLine({ ...record, trainSeconds: seconds, validSeconds: 0 })
    expect(line.endsWith(`Time ${time}`)).toBe(true)
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
    progress.start(1875, 'mlp-bn, epoch 1 of 10')
    expect(screen.text).toContain('mlp-bn, epoch 1 of 10')
    vi.advanceTimersByTime(250)
    progress.update(900, 0.41237, 37_266.4)
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
    progress.start(1_000_000, 'cnn')
    // 2 s in which no timer can fire.
    for (let batch = 1; batch <= 2000; batch++) {
      vi.setSystemTime(Date.now() + 1)
      progress.update(batch, 1, 1)
    }
    const drawn = screen.text.split('images/s').length - 1
    expect(drawn).toBeGreaterThan(5)
    expect(drawn).toBeLessThan(25)
  })

  it('prints nothing into a pipe', () => {
    const screen = new Screen(false)
    progress = new EpochProgress(screen)
    progress.start(10, 'mlp')
    progress.update(5, 1, 1)
    progress.stop()
    expect(screen.text).toBe('')
  })

  it('ends the bar before on start, and takes any order of calls', () => {
    const screen = new Screen(true)
    progress = new EpochProgress(screen)
    progress.stop()
    progress.update(1, 1, 1)
    expect(screen.text).toBe('')
    progress.start(10, 'first')
    progress.start(10, 'second')
    progress.stop()
    progress.stop()
    expect(screen.text.indexOf('\x1b[2K')).toBeLessThan(screen.text.indexOf('second'))
  })
})
