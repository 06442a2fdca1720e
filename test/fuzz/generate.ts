/** Draws programs: some fifteen operations of the table at most, in one or two stretches that end in a backward. */
import { Invalid, need, sizeOf, type Value } from '../support/interpreter/value.js'
import { Draw } from './draw.js'
import { largestOf } from './evaluate.js'
import { IDIOMS } from './idioms.js'
import { LAYERS, USER_MODULES, WORDS } from './layers.js'
import { layerNames, operationNames } from './operation-names.js'
import { inputsOf, type Layer, type Program, type Ref, type Step } from './program.js'
import { entryOf } from './table/index.js'

/** So many are drawn; guards, and the sum for a backward, come on top. */
const MOST_STEPS = 12
/** Values larger than this are scaled down before they are used. */
const SANE = 8
/** A draw that fits nothing is repeated so often. */
const ATTEMPTS = 12

/** What lies in lanes comes from these, so they are drawn more often than the others. */
const FAVOURITES = ['conv2d', 'conv2d', 'conv2d', 'maxPool2d', 'batchNorm', 'add', 'mul', 'cat', 'relu']

/** A leaf of indices into an Embedding. */
const WORD_INDICES = { kind: 'labels', requiresGrad: false, parameter: false, classes: WORDS } as const

/** Operations that can be drawn: those of the library that have an entry. */
export function drawable(): string[] {
  return operationNames().filter((name) => entryOf(name))
}

/** A step of the operation, on what its entry draws. */
function operation(d: Draw, op: string, more: Partial<Step> = {}): Ref {
  const entry = entryOf(op)
  if (!entry) throw new Error(`there is no entry for '${op}'`)
  const args = entry.draw(d)
  return d.step(op, args, entry.part ? { part: entry.part(d, args), ...more } : more)
}

/** A net that was called before, on something else of the same shape. */
function sequentialAgain(d: Draw): Ref {
  const before = d.pick(d.at.steps.filter(({ net }) => net !== undefined))
  const { shape } = d.known({ ref: inputsOf(before, d.at.nets)[0] })
  const takesIndices = d.at.nets.find(({ id }) => id === before.net)?.layers[0].name === 'Embedding'
  const x = takesIndices
    ? d.leaf(shape, WORD_INDICES)
    : d.value(
        (v) => String(v.shape) === String(shape),
        () => shape,
      )
  return d.step('sequential', [x], { net: before.net })
}

/** A net of one to six layers, on a value that is there. */
function sequential(d: Draw): Ref {
  if (d.at.nets.length > 0 && d.chance(0.5)) return sequentialAgain(d)
  const training = d.chance(0.7)
  const layers: Layer[] = []
  const all = [...layerNames().filter((name) => name in LAYERS), ...Object.keys(USER_MODULES)]
  // Indices are looked up first: what other layers give are none.
  const names = all.filter((name) => name !== 'Embedding')
  const words = () => d.leaf(d.shape(0, 3), WORD_INDICES)
  let x: Ref | undefined
  let seen: Value | undefined
  /** Adds a layer of that name, where it fits. */
  const push = (name: string, to: Value) => {
    const drawn = LAYERS[name].draw(d, to.shape, training)
    need(drawn !== undefined, `${name} does not fit`)
    const tensors = Object.entries(drawn?.tensors ?? {}).map(([field, ref]) => [field, copyOf(d, ref)])
    seen = LAYERS[name].twin(to, drawn?.args ?? [], Object.fromEntries(tensors), training)
    return drawn
  }
  // Many layers fit few shapes: so the first is named in turn, and what it is given made to fit.
  const first = all[(d.seed + d.at.nets.length) % all.length]
  const values = [() => d.image(), ...[0, 1, 3].map((more) => () => d.channels(more)), () => d.value()]
  const inputs = first === 'Embedding' ? [words] : values
  for (const k of d.permutation(inputs.length)) {
    const start = d.attempt(() => {
      const input = inputs[k]()
      const layer = push(first, d.known(input))
      return layer && { input, layer }
    })
    if (!start) continue
    x = start.input
    layers.push({ name: first, ...start.layer })
    break
  }
  x ??= d.chance(0.7) ? d.image() : d.value()
  seen ??= d.known(x)
  // BatchNorm1d fits few of what is drawn.
  const favourites = ['Conv2d', 'BatchNorm2d', 'ReLU', 'MaxPool2d', 'BatchNorm1d']
  for (let tries = d.between(2, 10); tries > 0 && layers.length < 6; tries--) {
    const name = d.pick(d.chance(0.4) ? favourites : names)
    const to = seen
    const layer = d.attempt(() => push(name, to))
    if (layer) layers.push({ name, ...layer })
  }
  need(layers.length > 0, 'no layer fits')
  const net = { id: d.name('net'), training, layers }
  d.net(net)
  return d.step('sequential', [x], { net: net.id })
}

/** A twin may write to a running statistic; here it is only asked for shapes. */
function copyOf(d: Draw, ref: string) {
  const { shape, data } = d.known({ ref })
  return { shape, data: data.slice() }
}

/** Brings large values down, as a net does with its normalisation. */
function tame(d: Draw, x: Ref): Ref {
  const largest = largestOf(d.known(x))
  return largest > SANE ? d.step('mul', [x, 2 ** -Math.ceil(Math.log2(largest / 2))]) : x
}

/** One draw: an operation, a net, an idiom, a detach. */
function draw(d: Draw, names: readonly string[]): Ref {
  const kind = d.uniform()
  let result: Ref
  if (kind < 0.17) result = sequential(d)
  else if (kind < 0.24) result = IDIOMS[d.pick(Object.keys(IDIOMS))](d)
  else if (kind < 0.28) result = unrecorded(d, () => d.step('detach', [d.value()]))
  else if (kind < 0.32) result = unrecorded(d, () => several(d, names))
  else result = operation(d, d.pick(d.chance(0.4) ? FAVOURITES.filter((n) => names.includes(n)) : names))
  return tame(d, result)
}

/** One to three operations in one noGrad. */
function several(d: Draw, names: readonly string[]): Ref {
  let result = operation(d, d.pick(names), { noGrad: true })
  for (let more = d.below(3); more > 0; more--) {
    result = d.attempt(() => operation(d, d.pick(names), { noGrad: true })) ?? result
  }
  return result
}

/** Where nothing is recorded, the graph behind a value may have been used. */
function unrecorded(d: Draw, f: () => Ref): Ref {
  d.takesSpent = true
  try {
    return f()
  } finally {
    d.takesSpent = false
  }
}

/** A backward from a late value, or from a sum of what nothing has used so far. */
function finish(d: Draw): boolean {
  const found = d.candidates().filter((id) => d.at.requiresGrad.get(id) && d.at.maker.has(id))
  need(found.length > 0, 'nothing to differentiate')
  let root: Ref = { ref: found[found.length - 1 - Math.floor(d.uniform() ** 3 * found.length)] }
  if (d.chance(0.5)) {
    const used = new Set(d.at.steps.flatMap((step) => inputsOf(step, d.at.nets)))
    const loose = found.filter((id) => !used.has(id) && sizeOf(d.at.get(id).shape) > 0).slice(-2)
    const weighed = (ref: string) => d.step('mul', [{ ref }, d.leaf(d.at.get(ref).shape)])
    const parts = loose.map((ref) => d.step('sum', [weighed(ref)]))
    if (parts.length > 0) root = parts.reduce((sum, part) => d.step('add', [sum, part]))
  }
  const { shape } = d.known(root)
  // What is left of larger numbers has few digits in float32, and all gradients would have as few.
  const alike = d.candidates((v, id) => {
    return String(v.shape) === String(shape) && largestOf(v) > 0.3 * (d.at.largest.get(id) ?? 0)
  })
  const bare = sizeOf(shape) === 1 && d.chance(0.5)
  const own = () => d.leaf(shape, { requiresGrad: false, parameter: false })
  const cotangent = d.chance(0.15) && alike.length > 0 ? { ref: d.pick(alike) } : bare ? undefined : own()
  d.step('backward', cotangent ? [root, cotangent] : [root], { functional: false, readNow: false })
  return true
}

/** The program of a seed: always the same one, as long as the table is. */
export function generate(seed: number): Program {
  const d = new Draw(seed)
  const names = drawable()
  const stretches = d.chance(0.3) ? 2 : 1
  const steps = d.between(1, MOST_STEPS)
  // Half of the programs begin with what lies in lanes. Each operation has its turn, half-way through.
  if (d.chance(0.5)) d.attempt(() => operation(d, 'conv2d'))
  let turn: string | undefined = names[seed % names.length]
  for (let stretch = 0; stretch < stretches; stretch++) {
    const until = (stretch === 0 ? 0 : d.at.steps.length) + Math.ceil(steps / stretches)
    for (let tries = 0; d.at.steps.length < until && tries < ATTEMPTS * MOST_STEPS; tries++) {
      const own = d.at.steps.length >= until / 2 ? turn : undefined
      const drawn = d.attempt(() => (own ? tame(d, operation(d, own)) : draw(d, names)))
      if (drawn && own) turn = undefined
    }
    for (let tries = 0; tries < 3 && !d.attempt(() => finish(d)); tries++);
  }
  return d.program(d.below(4))
}

/** A program of one operation on new leaves, and its backward. */
export function generateSingle(op: string, seed: number): Program {
  // Operations of the same arguments are to get others.
  const d = new Draw([...op].reduce((mixed, letter) => Math.imul(mixed, 31) + letter.charCodeAt(0), seed))
  d.fresh = 1
  d.empty = 0.06
  for (let tries = 0; tries < 20 * ATTEMPTS; tries++) {
    const root = d.attempt(() => operation(d, op))
    if (!root) continue
    d.attempt(() => {
      const cotangent = d.leaf(d.known(root).shape, { requiresGrad: false, parameter: false })
      d.step('backward', [root, cotangent], { functional: false, readNow: false })
    })
    return d.program(0)
  }
  throw new Invalid(`nothing could be drawn for '${op}'`)
}
