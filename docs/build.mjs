// `npm run docs`: writes docs/api from the docstrings, fails where one lacks something, and builds the site.
//   npm run docs                          into docs/site, for the root of a host
//   npm run docs -- --base /simdgrad/     for a folder of a host
//   npm run docs -- --api                 the reference alone
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readDocstrings } from './reference.mjs'

const { values } = parseArgs({
  options: { base: { type: 'string', default: '/' }, api: { type: 'boolean', default: false } },
})
if (!/^\/(.*\/)?$/.test(values.base)) {
  throw new Error(
    `--base is '${values.base}'; expected a path that begins and ends with /, such as /simdgrad/`,
  )
}

const { complaints, write } = await readDocstrings()
await write(fileURLToPath(new URL('api', import.meta.url)))
for (const complaint of complaints) console.error(complaint)
process.exitCode = complaints.length > 0 ? 1 : 0

if (!values.api && complaints.length === 0) {
  process.env.SIMDGRAD_DOCS_BASE = values.base
  const { build } = await import('vitepress').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error('the reference is written; for the site: npm ci --prefix docs', { cause: error })
  })
  await build(fileURLToPath(new URL('.', import.meta.url)))
}
