import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How a script runs. */
export interface ChildOptions {
  /** Options of Node itself, such as a limit of its heap. */
  nodeOptions?: string[]
  /** It is killed after so many seconds: a thread that waits in wasm for ever answers to nothing else. */
  seconds?: number
}

/**
 * Runs a script in a process of its own, which sees the built package as `simdgrad`, and gives the JSON in the last
 * line that it prints. Fails where it is killed, and where it ends otherwise than well.
 */
export function runChild<T>(
  script: URL,
  args: readonly (string | number)[],
  { nodeOptions = [], seconds = 20 }: ChildOptions = {},
): Promise<T> {
  const line = [...nodeOptions, fileURLToPath(script), ...args.map(String)]
  const options = { cwd: root, timeout: seconds * 1000, killSignal: 'SIGKILL' } as const
  return new Promise((resolve, reject) => {
    execFile(process.execPath, line, options, (error, stdout, stderr) => {
      const what = args.join(' ')
      if (error?.killed) reject(new Error(`${what}: killed after ${seconds} s`))
      else if (error) reject(new Error(`${what}: ended with ${error.code}: ${stderr.slice(-1500)}`))
      else resolve(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as T)
    })
  })
}
