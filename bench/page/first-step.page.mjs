// Milliseconds from the start of the page's load to the end of its first training step, in a Worker.
const worker = new Worker(new URL('./first-step.worker.mjs', import.meta.url), { type: 'module' })
worker.onmessage = ({ data }) => Object.assign(globalThis, { firstStep: data ?? performance.now() })
worker.onerror = ({ message }) => Object.assign(globalThis, { firstStep: message })
