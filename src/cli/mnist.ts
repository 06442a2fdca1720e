/** `simdgrad mnist`: what the other files of this folder do, in order. */
import { join } from 'node:path'
import { DistributedCheckpoint, type World } from '../distributed/index.js'
import {
  type BatchProgress,
  callbacks,
  data,
  fit,
  hashState,
  init,
  manualSeed,
  nn,
  optim,
} from '../index.node.js'
import { JOBS, type JobName } from '../nets/index.js'
import { INTERRUPTED, listenForInterrupt } from './interrupt.js'
import { type MnistOptions, netsOf, savePathFor } from './options.js'
import { checkFiles, reportPathFor, writeReport, writeWeights } from './outputs.js'
import { EpochProgress, formatEpochLine } from './progress.js'
import { combine, joinRanks, netFor, shared, threadsOf } from './ranks.js'
import { type EpochRecord, type RunHistory, renderReport } from './report.js'
import { commandLine, settingsOf } from './settings.js'
import { table } from './table.js'
import { asRecord, inWords } from './unfinished.js'

/** What a net is trained with. */
interface Training {
  options: MnistOptions
  sets: { train: data.Dataset; test: data.Dataset }
  signal: AbortSignal
  /** All ranks, where mpirun has started several; undefined for one alone. */
  world: World | undefined
  /** Prints what is for people, and so not for `--json`. */
  say(text: string): void
}

/**
 * Trains what the options name, with a line an epoch, and then a table and a report. These come too where training
 * ended early, by Ctrl-C or by an error.
 *
 * @param args the command line, for the report
 * @returns the exit code
 */
export async function trainMnist(options: MnistOptions, args: readonly string[]): Promise<number> {
  const world = await joinRanks(options)
  // Rank 0 alone prints and saves.
  const leads = !world || world.rank === 0
  if (leads) await checkFiles(options)
  const threads = options.threads ?? (world && threadsOf(world))
  const backend = await init({
    ...(threads && { threads }),
    deterministic: options.deterministic,
  })
  const sets = await data.mnist(options.data === undefined ? {} : { root: options.data })
  const say = (text: string) => {
    if (!options.json && leads) console.log(text)
  }
  const many = `${backend.threads} thread${backend.threads > 1 ? 's' : ''}`
  const ranks = world ? `${world.size} rank${world.size > 1 ? 's' : ''} of ` : ''
  say(`${backend.runtime}, ${backend.simd} SIMD, ${ranks}${many}\n(${backend.reason})`)
  if (world)
    say(`(${world.library}, ${world.shards > 0 ? `${world.shards} shards a batch` : 'batches shared out'})`)

  // Of several ranks mpirun ends all; the last checkpoint is there.
  const { signal, stop } = world ? UNINTERRUPTED : listenForInterrupt()
  const runs: RunHistory[] = []
  try {
    for (const job of netsOf(options)) {
      const name = netFor(job, world)
      const run: RunHistory = { net: name, seed: options.seed, epochs: [] }
      runs.push(run)
      if (signal.aborted) run.unfinished = 'interrupted before it began'
      else await trainNet(name, run, { options, sets, signal, world, say })
    }
  } finally {
    stop()
    say(`\n${table(runs)}`)
    const early = runs.some(({ unfinished }) => unfinished)
    const path = reportPathFor(options, early ? (signal.aborted ? 'interrupted' : 'stopped') : undefined)
    if (path !== undefined && leads) {
      const about = { ...backend, date: new Date().toISOString().slice(0, 10) }
      const run = { command: commandLine(args), settings: settingsOf(options) }
      say(`\n${await writeReport(path, renderReport(runs, { ...about, ...run }))}`)
    }
  }
  return signal.aborted ? INTERRUPTED : 0
}

const UNINTERRUPTED = { signal: new AbortController().signal, stop() {} }

/** Trains one net, and writes its weights, whatever ends the training. */
async function trainNet(name: JobName, run: RunHistory, { options, sets, signal, world, say }: Training) {
  const { batchSize, lr, seed, json, save } = options
  const { make, smallestBatch, epochs: usual } = JOBS[name]
  const epochs = options.epochs ?? usual
  manualSeed(seed)
  const net = make()
  const ranks = world && shared(world, net)
  const trained = ranks?.net ?? net
  const own = (set: data.Dataset) => ranks?.share(set) ?? set
  const [trainSet, validSet] = [own(sets.train), own(sets.test)]
  const loss = new nn.CrossEntropyLoss()
  const rest = sets.train.length % batchSize
  const train = new data.DataLoader(trainSet, {
    batchSize,
    shuffle: true,
    dropLast: rest > 0 && rest < smallestBatch,
  })
  const bar = new EpochProgress()
  const valid = new data.DataLoader(validSet, { batchSize })
  const checkpoint = checkpointFor(name, options, world)
  let progress: BatchProgress | undefined
  say(`\n${name}`)
  try {
    await fit(trained, {
      train,
      valid,
      optimizer: new optim.SGD(net.parameters(), { lr }),
      loss: ranks ? ranks.net.loss(loss) : loss,
      epochs,
      signal,
      callbacks: checkpoint ? [checkpoint, recordsOf(run, checkpoint, say)] : [],
      onProgress(now) {
        progress = now
        if (!world || world.rank === 0) bar.update(`${name} ${now.epoch + 1}/${epochs}`, now)
      },
      async onEpoch(result) {
        bar.stop()
        if (world && ranks) combine(world, result, ranks.imagesOf([train, valid]))
        const record = { net: name, ...result, weightsHash: await hashState(net.stateDict()) }
        run.epochs.push(record)
        if (world && world.rank > 0) return
        if (json) console.log(JSON.stringify(record))
        else say(formatEpochLine(record))
      },
    })
  } finally {
    bar.stop()
    const { length: epoch } = run.epochs
    if (epoch < epochs) {
      const end = { net: name, epoch, epochs, interrupted: signal.aborted, progress }
      run.unfinished = inWords(end)
      if (json && signal.aborted) console.log(JSON.stringify(asRecord(end)))
      else say(run.unfinished)
      if (checkpoint) say('--resume goes on with the last checkpoint.')
    }
    if (save !== undefined && (!world || world.rank === 0)) {
      say(await writeWeights(savePathFor(save, name, options.net), net.stateDict()))
    }
  }
}

/** What saves the training of a net, where that was asked for. */
function checkpointFor(
  net: JobName,
  { checkpoint, checkpointEvery, resume, batchSize, lr, seed, deterministic }: MnistOptions,
  world: World | undefined,
): callbacks.Checkpoint | DistributedCheckpoint | undefined {
  if (checkpoint === undefined) return undefined
  const options: callbacks.CheckpointOptions = {
    resume,
    ...(checkpointEvery !== undefined && { everySteps: checkpointEvery }),
    settings: { net, batchSize, lr, seed, deterministic },
    onMessage: (message) => console.error(`simdgrad: ${message}`),
  }
  const folder = join(checkpoint, net)
  return world ? new DistributedCheckpoint(world, folder, options) : new callbacks.Checkpoint(folder, options)
}

/** Saves the lines of the epochs with the rest, and says from where it goes on. */
function recordsOf(
  run: RunHistory,
  checkpoint: callbacks.Checkpoint | DistributedCheckpoint,
  say: (text: string) => void,
): callbacks.Callback {
  return {
    last: true,
    onFitStart({ epoch, step }) {
      const { resumedFrom } = checkpoint
      if (resumedFrom !== undefined) say(`Goes on from ${resumedFrom}: epoch ${epoch + 1}, step ${step}`)
      for (const record of run.epochs) say(formatEpochLine(record))
    },
    stateDict: () => run.epochs,
    loadStateDict(epochs: EpochRecord[]) {
      run.epochs.splice(0, run.epochs.length, ...epochs)
    },
  }
}
