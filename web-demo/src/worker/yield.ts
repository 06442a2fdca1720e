const { port1, port2 } = new MessageChannel()
let resume: () => void = () => {}
port1.onmessage = () => resume()

/** Lets the page's messages in. A timer would wait 4 ms; a message does not. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => {
    resume = resolve
    port2.postMessage(null)
  })
}
