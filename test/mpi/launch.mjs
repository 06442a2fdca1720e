// How a job is started on this machine: with the mpirun of each MPI that is there.
import { spawn, spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const job = (/** @type {string} */ name) => fileURLToPath(new URL(`jobs/${name}.mjs`, import.meta.url))

/** @typedef {'openmpi' | 'mpich' | 'openmpi-5' | 'mpich-5'} Make */

/** The makes that are installed, by Debian's names for their mpirun. */
export const MAKES = /** @type {Make[]} */ (['openmpi', 'mpich']).filter(
  (make) => spawnSync(`mpirun.${make}`, ['--version'], { stdio: 'ignore' }).status === 0,
)

/** Programs of makes that are not Debian's. @type {Map<Make, string>} */
export const programs = new Map()

/** Root may, too: the second pair is version 5's. */
export const environment = {
  ...process.env,
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  PRTE_ALLOW_RUN_AS_ROOT: '1',
  PRTE_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  NO_COLOR: '1',
  FORCE_COLOR: undefined,
}

/** @typedef {{ status: number | null, lines: any[], output: string, errors: string, seconds: number }} Outcome */

/**
 * Runs a program to its end.
 * @param {string} program
 * @param {string[]} args
 * @param {{ seconds?: number, env?: Record<string, string | undefined>, onLine?: (line: string) => void, onStart?: (pid: number) => void }} options
 * @returns {Promise<Outcome>} `lines` are those of JSON
 */
export function run(program, args, { seconds = 150, env = {}, onLine, onStart } = {}) {
  const start = performance.now()
  const child = spawn(program, args, { cwd: root, env: { ...environment, ...env } })
  if (child.pid) onStart?.(child.pid)
  let [output, errors] = ['', '']
  let seen = 0
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    const lines = output.split('\n')
    for (; seen < lines.length - 1; seen++) onLine?.(lines[seen])
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => {
      clearTimeout(timer)
      const lines = output.split('\n').flatMap((line) => (line.startsWith('{') ? [parsed(line)] : []))
      resolve({ status, lines, output, errors, seconds: (performance.now() - start) / 1000 })
    })
  })
}

/** @param {string} line */
function parsed(line) {
  try {
    return JSON.parse(line)
  } catch {
    return { line }
  }
}

/** @param {Make} make @param {number} ranks */
export function mpirun(make, ranks) {
  const more = make.startsWith('openmpi') && ranks > cpus().length ? ['--oversubscribe'] : []
  return [programs.get(make) ?? `mpirun.${make}`, ...more]
}

/**
 * A job of so many ranks of this Node.
 * @param {Make} make @param {number} ranks @param {string} name @param {unknown} [options]
 * @param {Parameters<typeof run>[2]} [how]
 */
export function ranksOf(make, ranks, name, options, how) {
  const [program, ...args] = mpirun(make, ranks)
  const given = options === undefined ? [] : [typeof options === 'string' ? options : JSON.stringify(options)]
  return run(program, [...args, '-n', String(ranks), process.execPath, job(name), ...given], how)
}
