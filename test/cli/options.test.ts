import { describe, expect, it } from 'vitest'
import {
  ALL_NETS,
  type Command,
  type MnistOptions,
  parseCommandLine,
  savePathFor,
} from '../../src/cli/options.js'
import { usage } from '../../src/cli/usage.js'
import { ArgumentError } from '../../src/errors.js'

const parse = (line: string): Command => parseCommandLine(line.split(' ').filter(Boolean))

const DEFAULTS: MnistOptions = {
  net: 'all',
  epochs: undefined,
  batchSize: 32,
  lr: 0.1,
  seed: 0,
  threads: undefined,
  deterministic: false,
  data: undefined,
  json: false,
  report: undefined,
  save: undefined,
  checkpoint: undefined,
  checkpointEvery: undefined,
  resume: false,
}

describe('parseCommandLine', () => {
  it.each([
    ['', 'help'],
    ['help', 'help'],
    ['help mnist', 'help'],
    ['--help', 'help'],
    ['-h', 'help'],
    ['mnist --lr 1 --help', 'help'],
    ['--version', 'version'],
    ['version', 'version'],
    ['info', 'info'],
  ])("takes '%s' as %s", (line, command) => {
    expect(parse(line)).toEqual({ command })
  })

  it('has the defaults of the notebook', () => {
    expect(parse('mnist')).toEqual({ command: 'mnist', options: DEFAULTS })
  })

  it('takes every option', () => {
    const line =
      'mnist --net cnn-bn --epochs 3 --batch-size=64 --lr 5e-2 --seed 4294967295 --threads 8 ' +
      '--deterministic --data some/dir --json --report r.html --save out/w.safetensors --checkpoint runs --checkpoint-every 50 --resume'
    expect(parse(line)).toEqual({
      command: 'mnist',
      options: {
        net: 'cnn-bn',
        epochs: 3,
        batchSize: 64,
        lr: 0.05,
        seed: 4294967295,
        threads: 8,
        deterministic: true,
        data: 'some/dir',
        json: true,
        report: 'r.html',
        save: 'out/w.safetensors',
        checkpoint: 'runs',
        checkpointEvery: 50,
        resume: true,
      },
    })
  })

  it.each(['--resume', '--checkpoint-every 5'])('refuses %s without a folder', (option) => {
    expect(() => parse(`mnist ${option}`)).toThrow(ArgumentError)
    expect(() => parse(`mnist ${option}`)).toThrow(/needs the folder of the checkpoints: --checkpoint DIR/)
  })

  it('takes the command after the options, and the last of an option', () => {
    expect(parse('--seed 1 mnist --seed 2')).toMatchObject({ options: { seed: 2 } })
  })

  it.each(['mlp', 'cnn', 'cnn-bn'])('trains %s on one image at a time', (net) => {
    expect(parse(`mnist --net ${net} --batch-size 1`)).toMatchObject({ options: { net, batchSize: 1 } })
  })

  it.each(['mlp-bn', 'mlp-bn-layer', 'mlp', 'cnn-bn', 'cnn', 'all'])('trains %s', (net) => {
    expect(parse(`mnist --net ${net}`)).toMatchObject({ options: { net } })
  })

  it.each([
    [
      'minst',
      "unknown command 'minst', did you mean mnist?; the commands are mnist, new, report, inspect, info",
    ],
    ['train', "unknown command 'train'; the commands are"],
    ['mnist extra', "unexpected argument 'extra' after 'mnist'"],
    ['mnist --epoch 3', 'unknown option --epoch, did you mean --epochs?'],
    ['mnist --batchSize 3', 'unknown option --batchSize, did you mean --batch-size?'],
    ['mnist --batch_size 3', 'did you mean --batch-size?'],
    ['mnist --sede 3', 'did you mean --seed?'],
    ['mnist --treads 3', 'did you mean --threads?'],
    ['mnist --xyzzy', 'unknown option --xyzzy; the options are --help, --version, --net'],
    ['mnist -e 3', 'unknown option -e; the options are'],
    ['mnist --no-json', 'unknown option --no-json'],
    ['mnist --toString', 'unknown option --toString'],
    ['info --epochs 3', "--epochs is an option of 'simdgrad mnist', and the command is 'info'"],
    ['--json', "option of 'simdgrad mnist', and no command was given. Try: simdgrad mnist --json"],
    ['mnist --json=yes', "--json takes no value, and 'yes' was given"],
    ['mnist --lr', '--lr needs a value'],
    ['mnist --lr=', '--lr needs a value'],
    ['mnist --lr --json', '--lr needs a value'],
    ['mnist --net cnn-nb', "--net is 'cnn-nb', did you mean cnn-bn?"],
    ['mnist --net resnet', "--net is 'resnet'; allowed are mlp-bn, mlp-bn-layer, mlp, cnn-bn"],
    ['mnist --epochs 0', "--epochs is '0'; expected a whole number from 1."],
    ['mnist --epochs -1', "--epochs is '-1'; expected"],
    ['mnist --epochs 2.5', "--epochs is '2.5'; expected"],
    ['mnist --epochs many', "--epochs is 'many'; expected"],
    ['mnist --epochs 0x10', "--epochs is '0x10'; expected"],
    ['mnist --epochs 99999999999999999999', 'expected a whole number'],
    [
      'mnist --net mlp-bn --batch-size 1',
      "--batch-size is '1', and mlp-bn normalises over the images of a batch: it needs 2 at least. " +
        'Take --batch-size 2 or more, or --net mlp or cnn-bn or cnn.',
    ],
    ['mnist --net mlp-bn-layer --batch-size 1', "--batch-size is '1', and mlp-bn-layer normalises"],
    ['mnist --batch-size 1', "--batch-size is '1', and mlp-bn normalises"],
    ['mnist --batch-size 0', "--batch-size is '0'; expected"],
    ['mnist --threads 0', "--threads is '0'; expected"],
    ['mnist --seed -1', "--seed is '-1'; expected a whole number from 0 to 4294967295."],
    ['mnist --seed 4294967296', '--seed is'],
    ['mnist --lr 0', "--lr is '0'; expected a number above 0"],
    ['mnist --lr -0.1', "--lr is '-0.1'; expected"],
    ['mnist --lr NaN', "--lr is 'NaN'; expected"],
    ['mnist --lr 1e999', "--lr is '1e999'; expected"],
    ['mnist --lr 0,1', "--lr is '0,1'; expected"],
    ['mnist --save w.pt', "--save is 'w.pt'; expected a file name that ends in .safetensors"],
    ['mnist --save out/.safetensors', 'expected a file name'],
  ])("refuses '%s'", (line, message) => {
    expect(() => parse(line)).toThrow(ArgumentError)
    expect(() => parse(line)).toThrow(message)
  })
})

describe('savePathFor', () => {
  it('gives each of several nets its own file', () => {
    expect(savePathFor('a/w.safetensors', 'cnn-bn', 'all')).toBe('a/w-cnn-bn.safetensors')
    expect(savePathFor('a/w.safetensors', 'cnn-bn', 'cnn-bn')).toBe('a/w.safetensors')
    expect(new Set(ALL_NETS.map((net) => savePathFor('w.safetensors', net, 'all'))).size).toBe(4)
  })
})

describe('usage', () => {
  it('names every command and option, in lines that fit a terminal', () => {
    for (const option of Object.keys(DEFAULTS)) {
      expect(usage()).toContain(`--${option.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)}`)
    }
    expect(usage()).toMatch(/mnist[\s\S]*info[\s\S]*help[\s\S]*version/)
    for (const line of usage().split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})
