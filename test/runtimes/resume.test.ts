/** A training that was stopped in one runtime goes on in another, to the weights of no stop. Needs dist/. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { runtimePath } from './runtimes.mjs'

const script = fileURLToPath(new URL('../kills/child.mjs', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'simdgrad-resume-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const here = [process.execPath]
const OTHERS = [
  { name: 'this Node', command: here },
  { name: 'Node 26', command: [runtimePath('node')] },
  { name: 'Bun', command: [runtimePath('bun')] },
  { name: 'Deno', command: [runtimePath('deno'), 'run', '--allow-all'] },
].flatMap(({ name, command }) => (command[0] ? [{ name, command: command as string[] }] : []))

/** The lines of a run: where it began, and what it came to. */
async function run(
  [runtime, ...before]: string[],
  ...args: (string | number)[]
): Promise<Record<string, unknown>[]> {
  const line = [...before, script, ...args.map(String)]
  const { stdout } = await promisify(execFile)(runtime, line, { cwd: root, timeout: 250_000 })
  return stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text))
}

describe('a training stopped in mid-epoch', () => {
  const whole = run(here, join(folder, 'whole'), 1, 2).then((lines) => lines[1])

  it.each(OTHERS)('here goes on in $name, on another number of threads', async ({ name, command }) => {
    const path = join(folder, name)
    await run(here, path, 1, 1, 37)
    const [first, last] = await run(command, path, 1, 2)
    expect(first.step).toBe(37)
    expect(last).toEqual(await whole)
  })

  it.each(OTHERS.slice(1))('in $name goes on here', async ({ name, command }) => {
    const path = join(folder, `from ${name}`)
    await run(command, path, 1, 2, 88)
    const [first, last] = await run(here, path, 1, 1)
    expect(first.step).toBe(88)
    expect(last).toEqual(await whole)
  })
})
