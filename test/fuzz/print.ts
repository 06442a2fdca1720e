/** Writes a program as code: what a person pastes into a file, to see for themselves. */
import type { InitOptions } from 'simdgrad'
import { USER_MODULES } from './layers.js'
import { PART, SEQUENCES } from './layers-sequences.js'
import { isMethod } from './operation-names.js'
import {
  type Arg,
  isRef,
  keptBy,
  type Leaf,
  type Net,
  NOISE_SOURCE,
  type Program,
  type Step,
  valuesOf,
} from './program.js'

/** Leaves of up to this size are written out. */
const SHORT = 12

function literal(arg: Arg): string {
  if (isRef(arg)) return arg.ref
  if (Array.isArray(arg)) return `[${arg.map(literal).join(', ')}]`
  if (typeof arg === 'object' && arg !== null) {
    const entries = Object.entries(arg).map(([key, each]) => `${key}: ${literal(each)}`)
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
  }
  return typeof arg === 'string' ? `'${arg}'` : String(arg)
}

/** A leaf's numbers, written out or made as `valuesOf` makes them. */
function numbers(leaf: Leaf): string {
  const values = valuesOf(leaf)
  if (values.length <= SHORT) return `[${[...values].join(', ')}]`
  const of: Record<Leaf['kind'], string> = {
    any: '2 * v',
    positive: 'v + 1.5',
    share: '0.4 * v + 0.5',
    labels: `Math.floor(((v + 1) / 2) * ${leaf.classes})`,
    ones: '1',
    zeros: '0',
  }
  return `noise(${leaf.seed}, ${values.length}).map((v) => ${of[leaf.kind]})`
}

function leafLine(leaf: Leaf): string {
  const { id, shape, requiresGrad, parameter } = leaf
  const grad = requiresGrad && !parameter ? ', requiresGrad: true' : ''
  const made = `tensor(${numbers(leaf)}, { shape: ${literal(shape)}${grad} })`
  return `const ${id} = ${parameter ? `new nn.Parameter(${made}, ${requiresGrad})` : made}`
}

function netLines({ id, layers, training }: Net, leaves: readonly Leaf[]): string[] {
  const made = layers.map(({ name, args }) => {
    const made = name in SEQUENCES ? 'Part' : name in USER_MODULES ? name : `nn.${name}`
    return `new ${made}(${args.map(literal).join(', ')})`
  })
  const lines = [`const ${id} = new nn.Sequential(${made.join(', ')})`]
  if (!training) lines.push(`${id}.eval()`)
  layers.forEach(({ tensors }, i) => {
    for (const [field, leaf] of Object.entries(tensors)) {
      const own = leaves.find((each) => each.id === leaf)
      if (!own) continue
      lines.push(`const ${leaf} = ${id}.modules[${i}].${field}`)
      lines.push(`${leaf}.copy_(tensor(${numbers(own)}, { shape: ${literal(own.shape)} }))`)
      if (!own.requiresGrad && !own.state) lines.push(`${leaf}.requiresGrad = false`)
    }
  })
  return lines
}

/** The expression of a step. */
function expression(step: Step): string {
  const { op, args, net, functional, part } = step
  const [first, ...rest] = args.map(literal)
  if (net) return `${net}.forward(${first})`
  const all = isMethod(op, functional)
    ? `${first}.${op}(${rest.join(', ')})`
    : `F.${op}(${[first, ...rest].join(', ')})`
  return `${all}${part === undefined ? '' : typeof part === 'number' ? `[${part}]` : `.${part}`}`
}

/** What a step makes: [name, expression], its own result first. */
function made(step: Step, { nets }: Program): [string, string][] {
  const kept = keptBy(step, nets).map(([name, layer]): [string, string] => {
    return [name, `${step.net}.modules[${layer}].kept`]
  })
  return [[step.out, expression(step)], ...kept]
}

function stepLines(steps: readonly Step[], program: Program): string[] {
  const [first] = steps
  const reads = steps.filter(({ readNow }) => readNow).map(({ out }) => `${out}.toFloat32Array()`)
  if (first.op === 'backward') return [expression(first)]
  const all = steps.flatMap((step) => made(step, program))
  const lines = all.map(([name, value]) => `${name} = ${value}`)
  if (!first.noGrad) return [...lines.map((line) => `const ${line}`), ...reads]
  const names = all.map(([name]) => name)
  return [`let ${names.join(', ')}`, 'noGrad(() => {', ...[...lines, ...reads].map((l) => `  ${l}`), '})']
}

/** Neighbours without recording are in one noGrad, all others each for itself. */
function groups(steps: readonly Step[]): Step[][] {
  const found: Step[][] = []
  for (const step of steps) {
    const last = found.at(-1)
    if (step.noGrad && last?.[0].noGrad) last.push(step)
    else found.push([step])
  }
  return found
}

function body(program: Program): string[] {
  const owned = new Set(program.nets.flatMap(({ layers }) => layers.flatMap((l) => Object.values(l.tensors))))
  const idle = `for (let i = 0; i < ${program.idle}; i++) tensor([1, 2], { requiresGrad: true }).mul(3).sum().backward()`
  return [
    ...program.leaves.filter(({ id }) => !owned.has(id)).map(leafLine),
    ...program.nets.flatMap((net) => netLines(net, program.leaves)),
    ...groups(program.steps).flatMap((steps) => stepLines(steps, program)),
    ...(program.idle > 0 ? [idle] : []),
  ]
}

/** What the lines need before them. */
function preamble(lines: readonly string[]): string[] {
  const uses = (what: string) => lines.some((line) => line.includes(what))
  return [
    'const F = nn.functional',
    ...(uses('noise(') ? [NOISE_SOURCE] : []),
    ...Object.entries(USER_MODULES)
      .filter(([name]) => uses(`new ${name}(`))
      .map(([name, own]) => `class ${name} extends nn.Module { ${own} }`),
    ...(uses('new Part(') ? [PART] : []),
  ]
}

/** The program without imports, for a test that runs it. */
export function script(program: Program): string {
  const lines = body(program)
  return [...preamble(lines), ...lines].join('\n')
}

/** The whole file. The nets' layers have no types of their own in `modules`, hence the first line. */
export function print(program: Program, options: InitOptions): string {
  const code = script(program)
  const names = ['init', 'nn', ...['noGrad', 'tensor'].filter((name) => code.includes(`${name}(`))]
  return [
    '// @ts-nocheck',
    `import { ${names.join(', ')} } from 'simdgrad'`,
    `await init(${literal({ ...options } as Arg)})`,
    code,
  ].join('\n')
}
