/** What a report says of the run that made it, so that it can be run again. */
import { JOBS } from '../nets/index.js'
import { type MnistOptions, netsOf } from './options.js'

/** Every setting that changes a figure, with its name; `epochs` are each net's own where no option gives them. */
export function settingsOf(options: MnistOptions): [name: string, value: string][] {
  const { epochs, batchSize, lr, seed, deterministic, data } = options
  const usual = new Map<number, string[]>()
  for (const net of netsOf(options)) {
    const { epochs: count } = JOBS[net]
    usual.set(count, [...(usual.get(count) ?? []), net])
  }
  const own = Array.from(usual, ([count, nets]) => `${count}${usual.size > 1 ? ` (${nets.join(', ')})` : ''}`)
  return [
    ['learning rate', `${lr}`],
    ['batch size', `${batchSize}`],
    ['epochs', epochs === undefined ? own.join(', ') : `${epochs}`],
    ['seed', `${seed}`],
    ...(deterministic ? [['deterministic', 'yes'] satisfies [string, string]] : []),
    ...(data === undefined ? [] : [['data', data] satisfies [string, string]]),
  ]
}

/** The command as a shell takes it. */
export function commandLine(args: readonly string[]): string {
  const quoted = args.map((arg) => (/^[\w./:=,+@-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))
  return ['npx simdgrad', ...quoted].join(' ')
}
