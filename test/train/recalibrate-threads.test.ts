import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('recalibrate gives the same bits at 1, 2 and 3 threads', () => {
  const { SIMDGRAD_TEST_BINARY: _, ...env } = process.env
  const script = fileURLToPath(new URL('recalibrate-threads.mjs', import.meta.url))
  const [one, ...others] = ['1', '2', '3'].map((threads) =>
    execFileSync(process.execPath, [script, threads], { encoding: 'utf8', env }),
  )
  expect(one).toMatch(/^[0-9a-f]{64}\n[0-9a-f]{64}\n$/)
  expect(others).toEqual([one, one])
})
