// `node --test docs/reference.test.mjs`: the reference is complete and current, and the check finds faults.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readDocstrings } from './reference.mjs'

const api = fileURLToPath(new URL('api', import.meta.url))

test('each public name has its summary, parameters and errors, and docs/api is what they give', async () => {
  const { complaints, write } = await readDocstrings()
  deepEqual(complaints, [])
  const folder = mkdtempSync(join(tmpdir(), 'simdgrad-api-'))
  try {
    await write(folder)
    deepEqual(readdirSync(api).sort(), readdirSync(folder).sort())
    for (const file of readdirSync(folder)) {
      const same = readFileSync(join(api, file), 'utf8') === readFileSync(join(folder, file), 'utf8')
      ok(same, `docs/api/${file} is old: run \`npm run docs\` and commit it`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the check finds what a docstring lacks', async () => {
  const { complaints } = await readDocstrings(['faulty.ts'])
  deepEqual(complaints, [
    'Bare.constructor: parameter size is not described',
    'Bare.constructor: throws, and does not say what',
    'Bare.grow: no summary',
    'Bare.grow: parameter by is not described',
    'Bare.size: no summary',
    'Bare: no summary',
    'Options.depth: no summary',
    'checks: throws, and does not say what',
    'halve: parameter y is not described',
    'halve: throws, and does not say what',
  ])
})

test('an error keeps its name', () => {
  const text = readFileSync(join(api, 'README.md'), 'utf8')
  equal(text.includes('`InitError` when called again with others'), true)
})
