import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { fixturePath } from './fixtures.js'

/** A Python that has torch and safetensors: SIMDGRAD_PYTHON or python3. */
export const python = [process.env.SIMDGRAD_PYTHON, 'python3'].find(
  (command) => command && spawnSync(command, ['-c', 'import torch, safetensors']).status === 0,
)

/** Says which tests are left out, where there is none. */
export function needPython(what: string): void {
  if (python) return
  console.log(`Left out: ${what} (no Python with torch and safetensors; SIMDGRAD_PYTHON names one)`)
}

/** What Python prints. @throws where it fails */
export function runPython(args: readonly string[], options: { cwd?: string; input?: string } = {}): string {
  const { stdout, stderr, status } = spawnSync(python ?? '', args, {
    ...options,
    encoding: 'utf8',
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    maxBuffer: 1 << 26,
  })
  if (status !== 0) throw new Error(`python ${args[0]} failed: ${stderr}`)
  return stdout
}

/** What a script of test/fixtures prints, as JSON. @throws where it fails */
export function runFixtureScript<T>(script: string, args: readonly string[], input = ''): T {
  return JSON.parse(runPython([fileURLToPath(fixturePath(script)), ...args], { input })) as T
}
