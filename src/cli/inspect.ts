/** `simdgrad inspect`: what is wrong with the batch norm of a net, from the file of its weights. */
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ArgumentError } from '../errors.js'
import { type Batches, data, init, inspectBatchNorm, type Loss, loadSafetensors, nn } from '../index.node.js'
import { checkWritable, writeFileAtomic } from '../io/atomic-write.js'
import { JOBS } from '../nets/index.js'
import type { InspectOptions } from './options.js'

/** What is inspected, and with what. */
interface Subject {
  net: nn.Module
  /** Batches of the module's own. */
  batches?: Batches
  loss?: Loss
}

/**
 * Prints the table and the advice, and writes the page.
 *
 * @returns the exit code: 0 where nothing is wrong, else 2
 */
export async function inspectNet(options: InspectOptions): Promise<number> {
  const { report: given, json, file, threads, batchSize, samples } = options
  const path = given ?? (json ? undefined : 'simdgrad-inspect.html')
  if (path !== undefined) await checkPlace(path)
  await init(threads === undefined ? {} : { threads })
  const { net, batches, loss } = await subjectOf(options)
  if (file !== undefined) net.loadStateDict(await loadSafetensors(file))
  const root = options.data
  const loader = async () => {
    const { test } = await data.mnist(root === undefined ? {} : { root })
    return new data.DataLoader(test, { batchSize })
  }
  const own = root === undefined ? batches : undefined
  const report = await inspectBatchNorm(net, own ?? (await loader()), { samples, ...(loss && { loss }) })
  console.log(json ? JSON.stringify(report) : String(report))
  if (path !== undefined) {
    const title = `Batch norm of ${file === undefined ? (options.module ?? 'the net') : basename(file)}`
    await writeFileAtomic(path, new TextEncoder().encode(report.toHTML(title)))
    if (!json) console.log(`\nPage: ${path}`)
  }
  return report.advice.length > 0 ? 2 : 0
}

async function checkPlace(path: string): Promise<void> {
  try {
    await checkWritable(path)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ArgumentError(
      `the page goes to ${path}, which can't be written: ${why}. Name another place with --report FILE.`,
      { cause },
    )
  }
}

/** The net, of the command's own or of a module. @throws ArgumentError saying what the module is to export */
async function subjectOf({ net, module: path }: InspectOptions): Promise<Subject> {
  if (net !== undefined) return { net: JOBS[net].make() }
  const file = resolve(path ?? '')
  if (!existsSync(file)) throw new ArgumentError(`--module is '${path}', and there is no such file.`)
  const exported: Record<string, unknown> = await import(pathToFileURL(file).href)
  const made = await madeBy(exported.default ?? exported.net)
  if (!(made instanceof nn.Module)) {
    const foreign = typeof (made as { stateDict?: unknown } | undefined)?.stateDict === 'function'
    throw new ArgumentError(
      foreign
        ? `--module is '${path}', whose net is of another copy of simdgrad than this command's; run the one in its folder: npx simdgrad inspect …`
        : `--module is '${path}'; its default export is to be a net (an nn.Module), or a class or function that makes one.`,
    )
  }
  const batches = (typeof exported.data === 'function' ? await exported.data() : exported.data) as
    | Batches
    | undefined
  const loss = exported.loss as Loss | undefined
  return { net: made as nn.Module, ...(batches && { batches }), ...(loss && { loss }) }
}

async function madeBy(given: unknown): Promise<unknown> {
  if (typeof given !== 'function') return given
  // (A class of another copy of simdgrad is made, too, to be told so.)
  const isClass = /^class\b/.test(Function.prototype.toString.call(given))
  return isClass ? Reflect.construct(given, []) : await given()
}
