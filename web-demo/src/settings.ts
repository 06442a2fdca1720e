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
  evaluation: 'eval' | 'train' | 'sorted'
}

export type Key = keyof Settings

export const DEFAULTS: Settings = {
  net: 'mlp',
  depth: 3,
  scale: 1,
  seed: 0,
  optimizer: 'sgd',
  lr: 0.1,
  batch: 64,
  momentum: 0.1,
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
    choices: numbers(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10),
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

/** Settings from an address's query; what is unknown or out of range is left at its default. */
export function fromQuery(query: string): Settings {
  const given = new URLSearchParams(query)
  let settings = DEFAULTS
  for (const { key, choices } of ALL) {
    const choice = choices.find(({ value }) => String(value) === given.get(key))
    if (choice) settings = withSetting(settings, key, choice.value)
  }
  return settings
}

/** The query of the settings that are not the default. */
export function toQuery(settings: Settings): string {
  const query = new URLSearchParams()
  for (const { key } of ALL) {
    if (settings[key] !== DEFAULTS[key]) query.set(key, String(settings[key]))
  }
  return query.size > 0 ? `?${query}` : ''
}

/** Whether going from one to the other builds the nets anew. */
export function rebuilds(from: Settings, to: Settings): boolean {
  return CONTROLS.some((control) => control.rebuilds && from[control.key] !== to[control.key])
}
