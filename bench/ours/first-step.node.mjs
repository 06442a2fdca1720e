import { firstStep } from './first-step.mjs'

await firstStep()
console.log('{}')
process.exit(0)
