import { vi } from 'vitest'

/**
 * Makes `performance` a clock that stands still until `vi.advanceTimersByTime` moves it on: what the library does
 * by time then depends on no machine. `vi.useRealTimers()` ends it.
 */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ['performance'] })
}

/** Calls `each` at every turn of the event loop, with its number from 1, until the function that it returns is called. */
export function atEachTurn(each: (turn: number) => void): () => void {
  let [turn, over] = [0, false]
  const next = () =>
    setImmediate(() => {
      if (over) return
      each(++turn)
      next()
    })
  next()
  return () => {
    over = true
  }
}
