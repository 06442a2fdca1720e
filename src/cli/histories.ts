/** `simdgrad report`: the report of trainings that were not the command's own, of the histories that `fit` gave. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { DataError } from '../errors.js'
import { writeReport } from './outputs.js'
import { type EpochRecord, type RunHistory, renderReport } from './report.js'
import { commandLine } from './settings.js'

/**
 * Writes the report of some files, each JSON of a history: `JSON.stringify({ name, settings, ...history })`, where name
 * and settings may be left out.
 *
 * @param files their paths
 * @param report where it goes; by default beside the first file, with its name
 * @param args the command line, for the report
 * @throws {DataError} for a file that is no such JSON
 * @throws {SimdgradError} where the report can't be written
 */
export async function reportOf(
  files: readonly string[],
  report: string | undefined,
  args: readonly string[],
) {
  const runs: RunHistory[] = []
  const settings: [name: string, value: string][] = []
  for (const file of files) {
    const { run, settings: own } = runOf(file, await parsed(file))
    runs.push(run)
    for (const [name, value] of Object.entries(own)) {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      settings.push([files.length > 1 ? `${run.net} ${name}` : name, text])
    }
  }
  const about = { title: 'Trained with simdgrad', date: new Date().toISOString().slice(0, 10) }
  const html = renderReport(runs, { ...about, command: commandLine(args), settings })
  console.log(await writeReport(report ?? `${files[0].replace(/\.json$/, '')}.html`, html))
}

async function parsed(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause
    throw new DataError(`report: ${file} can't be read as JSON: ${why}`, { cause })
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const NUMBERS = ['trainLoss', 'validLoss', 'trainSeconds', 'validSeconds', 'imagesPerSecond'] as const

/** A history as the report takes it. @throws {DataError} */
function runOf(file: string, value: unknown): { run: RunHistory; settings: Record<string, unknown> } {
  const wrong = (what: string) =>
    new DataError(
      `report: ${file} is no history: ${what}. JSON.stringify({ name, settings, ...await fit(…) }) makes one.`,
    )
  if (!isObject(value) || !Array.isArray(value.epochs)) throw wrong('it has no epochs')
  const { name = basename(file).replace(/\.json$/, ''), settings = {}, epochs, aborted, stopped } = value
  if (typeof name !== 'string') throw wrong('its name is no text')
  if (!isObject(settings)) throw wrong('its settings are not given by name')
  const records = epochs.map((epoch: unknown, i): EpochRecord => {
    if (!isObject(epoch) || !Number.isSafeInteger(epoch.epoch)) throw wrong(`epoch ${i} is none`)
    // JSON has no NaN: what was one is null.
    const numbers = NUMBERS.map((key) => {
      const number = epoch[key] ?? Number.NaN
      if (typeof number !== 'number') throw wrong(`${key} of epoch ${i} is no number`)
      return [key, number]
    })
    const accuracies = (['trainAcc', 'validAcc'] as const).map((key) => {
      const number = epoch[key] ?? undefined
      if (number !== undefined && typeof number !== 'number') throw wrong(`${key} of epoch ${i} is no number`)
      return [key, number]
    })
    const hash = typeof epoch.weightsHash === 'string' ? epoch.weightsHash : ''
    const known = { net: name, epoch: Number(epoch.epoch), weightsHash: hash }
    return { ...known, ...Object.fromEntries([...numbers, ...accuracies]) }
  })
  const seed = typeof settings.seed === 'number' ? settings.seed : 0
  const after = `after epoch ${records.length}`
  const unfinished =
    aborted === true
      ? `interrupted ${after}`
      : typeof stopped === 'string'
        ? `stopped ${after}: ${stopped}`
        : undefined
  return { run: { net: name, seed, epochs: records, ...(unfinished && { unfinished }) }, settings }
}
