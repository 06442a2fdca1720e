const { port1, port2 } = new MessageChannel()
const waiting: (() => void)[] = []
port1.onmessage = () => waiting.shift()?.()

/**
 * Ends the task at hand, so that none takes long: input, painting and messages go between. A timer would wait
 * 4 ms; a message does not.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve)
    port2.postMessage(null)
  })
}

/** Until the browser has painted: it draws what a frame's canvases were told in one task, so each large canvas gets a frame. */
export async function nextFrame(): Promise<void> {
  await new Promise(requestAnimationFrame)
  await nextTask()
}
