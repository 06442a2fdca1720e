// `npm run docs`: writes docs/api from the docstrings, and fails where one lacks something.
import { fileURLToPath } from 'node:url'
import { readDocstrings } from './reference.mjs'

const { complaints, write } = await readDocstrings()
await write(fileURLToPath(new URL('api', import.meta.url)))
for (const complaint of complaints) console.error(complaint)
process.exitCode = complaints.length > 0 ? 1 : 0
