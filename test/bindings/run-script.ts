import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a script did. */
export interface ScriptResult {
  status: number | null
  stdout: string
  stderr: string
}

/**
 * Runs a module in a process of its own, which sees the built package as `simdgrad`. Killed, with status
 * null, after 25 s.
 */
export function runScript(source: string): Promise<ScriptResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', source], { cwd: root })
    const limit = setTimeout(() => child.kill('SIGKILL'), 25_000)
    const result: ScriptResult = { status: null, stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      result.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      result.stderr += text
    })
    child.on('error', reject)
    child.on('close', (status) => {
      clearTimeout(limit)
      resolve({ ...result, status })
    })
  })
}
