import type { Both } from './protocol.js'

/** What can normalise. */
export const NORMS = ['batch', 'group', 'layer'] as const
export type Norm = (typeof NORMS)[number]

/** What a visitor can set, each with its values, its words, and its place in the page's address. */
export interface Settings {
  net: 'mlp' | 'conv'
  /** Hidden layers or convolutions. */
  depth: number
  /** Initial weights are PyTorch's default, times this. */
  scale: number
  seed: number
  optimizer: 'sgd' | 'momentum' | 'adam' | 'adamw'
  lr: number
  batch: number
  /** Batch norm's: the weight of the new batch in the running statistics. */
  momentum: number
  /** What normalises, in the net that has a norm. */
  norm: Norm
  /** Whether nets with the other norms train beside it. */
  compare: 'off' | 'on'
  /** Which variance enters the running one: the notebook took the biased. */
  variance: 'unbiased' | 'biased'
  /** Whether a running mean is kept in the autograd graph beside the layer's own, as the notebook did. */
  graph: 'out' | 'in'
  evaluation: 'eval' | 'train' | 'sorted'
}

export type Key = keyof Settings

export const NORM_NAMES: Record<Norm, string> = {
  batch: 'Batch norm',
  group: 'Group norm',
  layer: 'Layer norm',
}

export const DEFAULTS: Settings = {
  net: 'mlp',
  depth: 3,
  scale: 1,
  seed: 0,
  optimizer: 'sgd',
  lr: 0.1,
  batch: 64,
  momentum: 0.1,
  norm: 'batch',
  compare: 'off',
  variance: 'unbiased',
  graph: 'out',
  evaluation: 'eval',
}

export interface Choice {
  readonly value: string | number
  readonly text: string
}

export interface Control {
  readonly key: Key
  readonly label: string
  readonly help: string
  /** A slider for numbers that have an order, a list for the rest. */
  readonly kind: 'slider' | 'list'
  readonly choices: readonly Choice[]
  /** Whether both nets are built anew. */
  readonly rebuilds: boolean
}

const numbers = (...values: number[]): Choice[] => values.map((value) => ({ value, text: String(value) }))

export const CONTROLS: readonly Control[] = [
  {
    key: 'lr',
    label: 'Learning rate',
    help: 'How far each step goes. Above about 1 the plain net fails.',
    kind: 'slider',
    choices: numbers(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 1, 2, 3, 5, 10),
    rebuilds: false,
  },
  {
    key: 'batch',
    label: 'Batch size',
    help: 'Digits in a step. Batch norm takes its mean and variance from them.',
    kind: 'slider',
    choices: numbers(2, 4, 8, 16, 32, 64, 128, 256),
    rebuilds: false,
  },
  {
    key: 'momentum',
    label: 'Batch norm’s momentum',
    help: 'Weight of the new batch in the running statistics. PyTorch’s default is 0.1.',
    kind: 'slider',
    choices: numbers(0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 1),
    rebuilds: false,
  },
  {
    key: 'optimizer',
    label: 'Optimiser',
    help: 'Adam wants a learning rate of about 0.001.',
    kind: 'list',
    choices: [
      { value: 'sgd', text: 'SGD' },
      { value: 'momentum', text: 'SGD, momentum 0.9' },
      { value: 'adam', text: 'Adam' },
      { value: 'adamw', text: 'AdamW' },
    ],
    rebuilds: false,
  },
  {
    key: 'norm',
    label: 'Norm',
    help: 'Group and layer norm take mean and variance within one digit: they have no batch and no modes.',
    kind: 'list',
    choices: NORMS.map((value) => ({ value, text: NORM_NAMES[value] })),
    rebuilds: true,
  },
  {
    key: 'compare',
    label: 'Compare',
    help: 'Nets with the other two norms, from the same weights and on the same digits, in the charts of accuracy and loss.',
    kind: 'list',
    choices: [
      { value: 'off', text: 'This norm and none' },
      { value: 'on', text: 'All norms and none' },
    ],
    rebuilds: true,
  },
  {
    key: 'net',
    label: 'Net',
    help: 'Layers of 100 units, or convolutions.',
    kind: 'list',
    choices: [
      { value: 'mlp', text: 'MLP' },
      { value: 'conv', text: 'Convolutional' },
    ],
    rebuilds: true,
  },
  {
    key: 'depth',
    label: 'Depth',
    help: 'Hidden layers. The deeper, the harder for the plain net.',
    kind: 'slider',
    choices: numbers(1, 2, 3, 4, 5, 6),
    rebuilds: true,
  },
  {
    key: 'scale',
    label: 'Initial scale',
    help: 'Initial weights are the usual ones, times this.',
    kind: 'slider',
    choices: numbers(0.03, 0.1, 0.3, 1, 3, 10, 30),
    rebuilds: true,
  },
  {
    key: 'seed',
    label: 'Seed',
    help: 'Of the initial weights and the order of the digits, the same for both nets.',
    kind: 'list',
    choices: numbers(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    rebuilds: true,
  },
  {
    key: 'variance',
    label: 'Running variance',
    help: 'A trap: the biased variance is too small by (m − 1)/m for batches of m.',
    kind: 'list',
    choices: [
      { value: 'unbiased', text: 'Unbiased, as PyTorch' },
      { value: 'biased', text: 'Biased, as the notebook' },
    ],
    rebuilds: false,
  },
  {
    key: 'graph',
    label: 'A running mean by hand',
    help: 'A trap: kept in the autograd graph, it holds on to every step before it.',
    kind: 'list',
    choices: [
      { value: 'out', text: 'Outside of the graph' },
      { value: 'in', text: 'In the graph' },
    ],
    rebuilds: false,
  },
]

export const EVALUATION: Control = {
  key: 'evaluation',
  label: 'Test digits are judged in',
  help: '',
  kind: 'list',
  choices: [
    { value: 'eval', text: 'Evaluation mode' },
    { value: 'train', text: 'Training mode' },
    { value: 'sorted', text: 'Training mode, sorted digits' },
  ],
  rebuilds: false,
}

const ALL = [...CONTROLS, EVALUATION]

/** `settings` with one of them changed. */
export function withSetting(settings: Settings, key: Key, value: string | number): Settings {
  return { ...settings, [key]: value }
}

/** What an address's query says of settings. */
export interface Query {
  settings: Settings
  /** A sentence for each value that can't be had, which is then the default. */
  problems: string[]
}

/** Settings from an address's query: those of `base`, changed as it says. Names that are no settings are left alone. */
export function readQuery(query: string, base: Settings = DEFAULTS): Query {
  const given = new URLSearchParams(query)
  const problems: string[] = []
  let settings = base
  for (const { key, label, choices } of ALL) {
    const text = given.get(key)
    if (text === null) continue
    const choice = choices.find(({ value }) => String(value) === text)
    if (choice) settings = withSetting(settings, key, choice.value)
    else {
      const all = choices.map(({ value }) => value).join(', ')
      problems.push(`${label}: “${key}=${text.slice(0, 40)}” can’t be had (${all}); it is ${base[key]}.`)
    }
  }
  return { settings, problems }
}

/** The query of the settings that are not those of `base`. */
export function toQuery(settings: Settings, base: Settings = DEFAULTS): URLSearchParams {
  const query = new URLSearchParams()
  for (const { key } of ALL) if (settings[key] !== base[key]) query.set(key, String(settings[key]))
  return query
}

/** Names of the two nets: what normalises the one, and the other. */
export const namesOf = ({ norm }: Settings): Both<string> => ({
  norm: NORM_NAMES[norm],
  plain: 'Plain',
})

/** The norms that train beside that of the settings, for comparison. */
export const othersOf = ({ norm, compare }: Settings): Norm[] =>
  compare === 'on' ? NORMS.filter((other) => other !== norm) : []

/** Whether going from one to the other builds the nets anew. */
export function rebuilds(from: Settings, to: Settings): boolean {
  return CONTROLS.some((control) => control.rebuilds && from[control.key] !== to[control.key])
}
