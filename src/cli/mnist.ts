import {
  type Backend,
  data,
  fit,
  hashState,
  init,
  manualSeed,
  nn,
  optim,
  saveSafetensors,
} from '../index.node.js'
import { writeFileAtomic } from '../io/atomic-write.js'
import { JOBS, type JobName } from '../nets/index.js'
import { ALL_NETS, type MnistOptions, savePathFor } from './options.js'
import { EpochProgress, formatEpochLine } from './progress.js'
import { type EpochRecord, type RunHistory, renderReport } from './report.js'

const DEFAULT_REPORT = 'simdgrad-report.html'

/** Trains what the options name, with a line an epoch, and then a table and a report. */
export async function trainMnist(options: MnistOptions): Promise<void> {
  const backend = await init({
    ...(options.threads && { threads: options.threads }),
    deterministic: options.deterministic,
  })
  const { train, test } = await data.mnist(options.data === undefined ? {} : { root: options.data })
  const say = (text: string) => {
    if (!options.json) console.log(text)
  }
  say(
    `${backend.runtime}, ${backend.simd} SIMD, ${backend.threads} thread${backend.threads > 1 ? 's' : ''} (${backend.reason})`,
  )

  // Ctrl-C ends after the current batch: what was trained is still reported.
  const abort = new AbortController()
  const onInterrupt = () => abort.abort()
  process.once('SIGINT', onInterrupt)

  const names = options.net === 'all' ? ALL_NETS : [options.net]
  const runs: RunHistory[] = []
  for (const name of names) {
    if (abort.signal.aborted) break
    say(`\n${name}`)
    runs.push(await trainNet(name, options, train, test, abort.signal, say))
  }
  process.removeListener('SIGINT', onInterrupt)

  if (!options.json) {
    console.log(`\n${table(runs)}`)
    const path = options.report ?? DEFAULT_REPORT
    await writeReport(path, runs, backend)
    console.log(`\nCurves: ${path}`)
  } else if (options.report !== undefined) {
    await writeReport(options.report, runs, backend)
  }
}

async function trainNet(
  name: JobName,
  options: MnistOptions,
  train: data.Dataset,
  test: data.Dataset,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<RunHistory> {
  const { batchSize, lr, seed } = options
  manualSeed(seed)
  const net = JOBS[name].make()
  const epochs = options.epochs ?? JOBS[name].epochs
  const records: EpochRecord[] = []
  const bar = new EpochProgress()
  const loader = new data.DataLoader(train, {
    batchSize,
    shuffle: true,
    dropLast: train.length % batchSize === 1,
  })
  bar.start(loader.length, `${name} 1/${epochs}`)
  try {
    await fit(net, {
      train: loader,
      valid: new data.DataLoader(test, { batchSize }),
      optimizer: new optim.SGD(net.parameters(), { lr }),
      loss: new nn.CrossEntropyLoss(),
      epochs,
      signal,
      onProgress: ({ batch, loss, imagesPerSecond }) => bar.update(batch, loss, imagesPerSecond),
      async onEpoch(result) {
        bar.stop()
        const record: EpochRecord = { net: name, ...result, weightsHash: await hashState(net.stateDict()) }
        records.push(record)
        if (options.json) console.log(JSON.stringify(record))
        else say(formatEpochLine(record))
        if (result.epoch + 1 < epochs) bar.start(loader.length, `${name} ${result.epoch + 2}/${epochs}`)
      },
    })
  } finally {
    bar.stop()
  }
  if (options.save !== undefined) {
    const path = savePathFor(options.save, name, options.net)
    await saveSafetensors(path, net.stateDict())
    say(`Weights: ${path}`)
  }
  return { net: name, seed, epochs: records }
}

/** Our figures beside the notebook's. */
function table(runs: readonly RunHistory[]): string {
  const accuracy = (value: number | undefined) => (value === undefined ? '–' : value.toFixed(4))
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const rows = runs
    .filter(({ epochs }) => epochs.length > 0)
    .map(({ net, epochs }) => {
      const notebook = JOBS[net as JobName].notebook
      const valid = epochs.map((epoch) => epoch.validAcc)
      return [
        net,
        `${epochs.length}`,
        `${accuracy(valid[0])} → ${accuracy(valid.at(-1))} (best ${accuracy(Math.max(...valid))})`,
        notebook ? `${accuracy(notebook[0])} → ${accuracy(notebook[1])}` : '–',
        `${mean(epochs.map((epoch) => epoch.trainSeconds)).toFixed(2)} s`,
        `${Math.round(mean(epochs.map((epoch) => epoch.imagesPerSecond))).toLocaleString('en')}`,
      ]
    })
  const head = [
    'net',
    'epochs',
    'validation accuracy, first → last',
    "the notebook's",
    'training/epoch',
    'images/s',
  ]
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

async function writeReport(
  path: string,
  runs: RunHistory[],
  { runtime, simd, threads, reason }: Backend,
): Promise<void> {
  const date = new Date().toISOString().slice(0, 10)
  await writeFileAtomic(
    path,
    new TextEncoder().encode(renderReport(runs, { runtime, simd, threads, reason, date })),
  )
}
