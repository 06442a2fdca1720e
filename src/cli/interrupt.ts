import type { EventEmitter } from 'node:events'

/** The exit code of a program that Ctrl-C ended, as shells have it: 128 and the number of SIGINT. */
export const INTERRUPTED = 130

/** Ctrl-C, listened for. */
export interface Interrupt {
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal
  /** Stops listening. */
  stop(): void
}

/**
 * Makes the first Ctrl-C a request: what was trained can then still be reported. The listener is gone after it, so
 * that a second one has Node's own effect, and ends the process at once.
 */
export function listenForInterrupt(source: EventEmitter = process): Interrupt {
  const controller = new AbortController()
  const listener = () => controller.abort()
  source.once('SIGINT', listener)
  return { signal: controller.signal, stop: () => source.removeListener('SIGINT', listener) }
}
