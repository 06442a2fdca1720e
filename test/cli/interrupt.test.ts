import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { listenForInterrupt } from '../../src/cli/interrupt.js'
import { asRecord, type End, inWords } from '../../src/cli/unfinished.js'

describe('listenForInterrupt', () => {
  it('aborts at the first Ctrl-C, and leaves a second one to Node, which ends the process', () => {
    const source = new EventEmitter()
    const { signal } = listenForInterrupt(source)
    expect(signal.aborted).toBe(false)
    source.emit('SIGINT')
    expect(signal.aborted).toBe(true)
    // Node ends a process at a signal that nobody listens for.
    expect(source.listenerCount('SIGINT')).toBe(0)
  })

  it('leaves no listener behind when it stops', () => {
    const source = new EventEmitter()
    const { signal, stop } = listenForInterrupt(source)
    stop()
    source.emit('SIGINT')
    expect(signal.aborted).toBe(false)
    expect(source.listenerCount('SIGINT')).toBe(0)
  })
})

describe('an epoch that was not finished', () => {
  const progress = { epoch: 3, batch: 812, batches: 1875, loss: 0.31234, imagesPerSecond: 1 }
  const end: End = { net: 'mlp', epoch: 3, epochs: 10, interrupted: true, progress }

  it('is told with its figures so far: in words from 1, in JSON from 0', () => {
    expect(inWords(end)).toBe('interrupted in epoch 4 of 10, after 812 of 1,875 batches: Train Loss 0.3123')
    expect(asRecord(end)).toEqual({
      net: 'mlp',
      interrupted: true,
      epoch: 3,
      batch: 812,
      batches: 1875,
      trainLoss: 0.31234,
    })
  })

  it.each([
    ['none came', undefined],
    ['those that came are of the epoch before', { ...progress, epoch: 2 }],
  ])('is told without figures where %s', (_, given) => {
    const early = { ...end, progress: given }
    expect(inWords(early)).toBe('interrupted in epoch 4 of 10, before it had a figure')
    expect(asRecord(early)).toEqual({ net: 'mlp', interrupted: true, epoch: 3 })
  })

  it('says whether it was an error', () => {
    expect(inWords({ ...end, interrupted: false })).toMatch(
      /^stopped by an error in epoch 4 of 10, after 812/,
    )
  })
})
