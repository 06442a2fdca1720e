import { firstStep } from '../ours/first-step.mjs'

firstStep().then(
  () => postMessage(undefined),
  (error) => postMessage(String(error)),
)
