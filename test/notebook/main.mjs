// `npm run test:notebook`: executes docs/notebooks under Deno's kernel, as a reader would, and compares what each cell
// prints with what is in the file. Training there is deterministic: not a digit may differ. The kernel's sockets drop
// messages when they are busy (ZeroMQ's way of publishing), so a notebook of which only something is missing is executed
// again, up to twice.
//   npm run test:notebook -- --write    writes what was printed into the file
//   npm ci --prefix test/runtimes       brings Deno; a python3 with venv brings Jupyter, or SIMDGRAD_JUPYTER names one
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { INSTALL_RUNTIMES, runtimePath } from '../runtimes/runtimes.mjs'

/** @typedef {{ output_type: string, text?: string | string[], data?: Record<string, string | string[]>, evalue?: string }} Output */
/** @typedef {{ id: string, cell_type: string, outputs?: Output[], execution_count?: number | null, metadata: object }} Cell */

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const folder = fileURLToPath(new URL('../../docs/notebooks', import.meta.url))
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'simdgrad-notebook-'))
/** Deno puts its kernel below the first, Jupyter looks for it in the second. */
const kernels = { XDG_DATA_HOME: scratch, JUPYTER_PATH: join(scratch, 'jupyter') }
const env = { ...process.env, ...kernels, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' }
/** @param {string} program @param {string[]} args */
const run = (program, ...args) =>
  execFileSync(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })

/** Jupyter, in an environment of its own unless one is named. */
function jupyter() {
  if (process.env.SIMDGRAD_JUPYTER) return process.env.SIMDGRAD_JUPYTER
  const venv = join(scratch, 'venv')
  run('python3', '-m', 'venv', venv)
  run(join(venv, 'bin/pip'), 'install', '--quiet', '--requirement', requirements)
  return join(venv, 'bin/jupyter')
}

/** What a cell gives: its lines, and of pictures what kind they are, and an SVG as it is. @param {Cell} cell */
function seen({ outputs = [] }) {
  /** @param {string | string[] | undefined} text */
  const joined = (text) => [text ?? ''].flat().join('')
  return outputs
    .map(({ output_type, text, data, evalue }) => {
      if (output_type === 'stream') return joined(text)
      if (output_type === 'error') return `error: ${evalue}`
      return Object.entries(data ?? {})
        .map(([kind, value]) =>
          kind === 'image/png' ? `${kind}: ${joined(value).length > 1000}` : joined(value),
        )
        .join('\n')
    })
    .join('\n')
}

/** As it is kept: without times, and with streams that belong together in one. @param {Cell[]} cells */
function tidy(cells) {
  for (const cell of cells) {
    cell.metadata = {}
    if (!cell.outputs) continue
    /** @type {Output[]} */
    const outputs = []
    for (const output of cell.outputs) {
      const last = outputs.at(-1)
      if (last?.output_type === 'stream' && output.output_type === 'stream') {
        last.text = [last.text ?? '', output.text ?? ''].flat()
      } else outputs.push(output)
    }
    cell.outputs = outputs
  }
}

/** Whether all lines of the first are in the second, in their order, which has more. @param {string[]} texts */
function lacks(...texts) {
  const [lines, all] = texts.map((text) => text.split('\n').filter(Boolean))
  let found = 0
  for (const line of all) if (line === lines[found]) found++
  return lines.length < all.length && found === lines.length
}

/** A notebook's cells after it was executed. @param {string} program @param {string} file */
function execute(program, file) {
  const executed = join(scratch, file)
  run(program, 'nbconvert', '--to', 'notebook', '--execute', '--allow-errors', '--output', executed, file)
  const { cells } = JSON.parse(readFileSync(executed, 'utf8'))
  tidy(cells)
  return /** @type {Cell[]} */ (cells)
}

let [passed, failed] = [0, 0]
try {
  const deno = runtimePath('deno')
  if (!deno) throw new Error(`there is no Deno; ${INSTALL_RUNTIMES}`)
  const program = jupyter()
  run(deno, 'jupyter', '--install')
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ipynb'))) {
    const start = performance.now()
    const before = JSON.parse(readFileSync(join(folder, file), 'utf8'))
    const was = before.cells.map(seen)
    let cells = execute(program, file)
    for (let again = 0; again < 2 && cells.some((cell, i) => lacks(seen(cell), was[i])); again++) {
      console.log(`${file}: a message of the kernel was lost, executed again`)
      cells = execute(program, file)
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(0)
    for (const [i, cell] of cells.entries()) {
      if (cell.cell_type !== 'code') continue
      const is = seen(cell)
      const right = !is.includes('error: ') && (values.write || is === was[i])
      if (right) passed++
      else failed++
      console.log(
        `${right ? 'passed' : 'FAILED'}  ${file}, cell ${cell.id}${right ? '' : `:\n${is}\nand not\n${was[i]}`}`,
      )
    }
    console.log(`${file} took ${seconds} s`)
    if (values.write && failed === 0) {
      before.cells = cells
      writeFileSync(join(folder, file), `${JSON.stringify(before, null, 1)}\n`)
    }
  }
} catch (error) {
  failed++
  const { stderr } = /** @type {{ stderr?: Buffer }} */ (error)
  console.log(
    `FAILED  ${error instanceof Error ? error.message : error}\n${stderr?.toString().slice(-3000) ?? ''}`,
  )
} finally {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
