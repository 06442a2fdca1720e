import type { FromWorker } from '../protocol.js'

/** @param given arrays of the message that are handed over instead of copied */
export function send(message: FromWorker, given: readonly ArrayBufferView[] = []): void {
  postMessage(message, { transfer: given.map(({ buffer }) => buffer as ArrayBuffer) })
}

export function fail(error: unknown): void {
  send({ kind: 'failed', message: messageOf(error) })
}

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
