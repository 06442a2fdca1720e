/** Turns of the event loop in the midst of work. */

/** Milliseconds of work between two turns. */
const SLICE = 12

/** When the event loop last turned for us: of all loops together, so that many short ones let it turn too. */
let last = 0

/** Whether it is time for a turn. */
export function timeToYield(): boolean {
  const now = performance.now()
  // A clock that was set back tells nothing.
  return now - last > SLICE || now < last
}

/** Lets the event loop turn once: timers, input, messages. */
export async function yieldToEvents(): Promise<void> {
  await turn()
  last = performance.now()
}

function turn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve))
  // In a browser: a timer would wait 4 ms, a message does not.
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
