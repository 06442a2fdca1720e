/** What the command leaves behind, the report and the weights: where, and whether that can be written. */
import { existsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { ArgumentError, SimdgradError } from '../errors.js'
import { type nn, saveSafetensors } from '../index.node.js'
import { checkWritable, writeFileAtomic } from '../io/atomic-write.js'
import { DEFAULTS, type MnistOptions, netsOf, savePathFor } from './options.js'

/** What ended a run before its time: Ctrl-C, or an error. */
export type EarlyEnd = 'interrupted' | 'stopped'

/**
 * Where the report goes without `--report`: the name says every option that changes a figure. So one run never
 * replaces the report of another: what has the same name had the same options and seed, and so the same figures.
 * The run without options has the short name. One that ended early is no match for one that did not.
 */
export function reportNameFor(options: MnistOptions, end?: EarlyEnd): string {
  const { net, epochs, batchSize, lr, seed, deterministic, data } = options
  const parts = [
    net === DEFAULTS.net ? [] : [net],
    epochs === undefined ? [] : ['epochs', epochs],
    batchSize === DEFAULTS.batchSize ? [] : ['batch-size', batchSize],
    lr === DEFAULTS.lr ? [] : ['lr', lr],
    seed === DEFAULTS.seed ? [] : ['seed', seed],
    deterministic ? ['deterministic'] : [],
    data === undefined ? [] : ['data', basename(resolve(data)).replaceAll(/[^\w.-]+/g, '-')],
    end ?? [],
  ]
  return `${['simdgrad-report', ...parts.flat()].join('-')}.html`
}

/** The report's path, or undefined where none is wanted: with `--json`, unless `--report` names one. */
export function reportPathFor(options: MnistOptions, end?: EarlyEnd): string | undefined {
  return options.report ?? (options.json ? undefined : reportNameFor(options, end))
}

/**
 * Checks that all files can be written, and that the data's folder is there: before minutes of training, not after.
 *
 * @throws ArgumentError naming the option
 */
export async function checkFiles(options: MnistOptions): Promise<void> {
  const { save, report, data } = options
  if (data !== undefined && !statSync(data, { throwIfNoEntry: false })?.isDirectory()) {
    const found = existsSync(data) ? 'which is no folder' : 'and there is no such folder'
    throw new ArgumentError(`--data is '${data}', ${found}. Name the folder that has the four IDX files.`)
  }
  if (save !== undefined) {
    for (const net of netsOf(options)) await check(savePathFor(save, net, options.net), `--save is '${save}'`)
  }
  const path = reportPathFor(options)
  if (path === undefined) return
  if (report !== undefined) await check(path, `--report is '${report}'`)
  else await check(path, `the report goes to ${path}`, 'Name another place with --report FILE.')
}

const OTHER_PLACE = 'Name a file in a folder that is there and can be written.'

async function check(path: string, what: string, advice = OTHER_PLACE): Promise<void> {
  try {
    await checkWritable(path)
  } catch (cause) {
    const why = reasonOf(cause, dirname(resolve(path)))
    throw new ArgumentError(`${what}, which can't be written: ${why}. ${advice}`, { cause })
  }
}

/** The system's errors name a temporary file that nobody knows; these name the folder. */
function reasonOf(cause: unknown, folder: string): string {
  if (!(cause instanceof Error)) return String(cause)
  if (!('code' in cause)) return cause.message
  if (!existsSync(folder)) return `there is no folder ${folder}`
  return `${folder} takes no new file (${cause.code})`
}

/** Writes a report. @returns what to tell of it */
export async function writeReport(path: string, html: string): Promise<string> {
  const replaces = existsSync(path)
  await writeFileAtomic(path, new TextEncoder().encode(html))
  return `Curves: ${path}${replaces ? ' (in place of an earlier one)' : ''}`
}

/**
 * Writes weights; where that fails after all (the disk is full, the folder is gone), into the folder for temporary
 * files: an hour of training is not thrown away for a path.
 *
 * @returns what to tell of it
 * @throws SimdgradError where both fail, or saying where the weights are
 */
export async function writeWeights(path: string, state: nn.StateDict): Promise<string> {
  try {
    await saveSafetensors(path, state)
    return `Weights: ${path}`
  } catch (cause) {
    const instead = join(tmpdir(), `${process.pid}-${basename(path)}`)
    await saveSafetensors(instead, state)
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SimdgradError(`${why} The weights are in ${instead} instead.`, { cause })
  }
}
