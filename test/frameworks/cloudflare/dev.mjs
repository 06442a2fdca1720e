// `wrangler dev` as a program: it prints what the Worker answers.
import { unstable_startWorker } from 'wrangler'

const worker = await unstable_startWorker({ config: './wrangler.toml' })
const response = await worker.fetch('http://example.com')
console.log(await response.text())
await worker.dispose()
process.exit()
