/** Writes a program as code: what a person pastes into a file, to see for themselves. */
import { USER_MODULES } from './layers.js'
import {
  type Arg,
  isRef,
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
    return `new ${name in USER_MODULES ? '' : 'nn.'}${name}(${args.map(literal).join(', ')})`
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

/** The expression of a step. `methods` are the operations that tensors have. */
function expression(step: Step, methods: ReadonlySet<string>): string {
  const { op, args, net, functional } = step
  const [first, ...rest] = args.map(literal)
  if (net) return `${net}.forward(${first})`
  const isMethod = methods.has(op) && isRef(args[0]) && !functional
  return isMethod ? `${first}.${op}(${rest.join(', ')})` : `F.${op}(${[first, ...rest].join(', ')})`
}

function stepLines(step: Step, { nets, steps }: Program, methods: ReadonlySet<string>): string[] {
  const { op, out, noGrad, net } = step
  const made = expression(step, methods)
  if (op === 'backward') return [made]
  const kept = nets.find(({ id }) => id === net)?.layers ?? []
  // A net that is called again keeps something else.
  const first = steps.find((each) => each.net === net) === step
  return [
    `const ${out} = ${noGrad ? `noGrad(() => ${made})` : made}`,
    ...kept.flatMap((layer, i) => {
      return layer.kept ? [`${first ? 'let ' : ''}${layer.kept} = ${net}.modules[${i}].kept`] : []
    }),
    ...(step.readNow ? [`${out}.toFloat32Array()`] : []),
  ]
}

/** The program's own lines, without what it needs before it. */
export function body(program: Program, methods: ReadonlySet<string>): string[] {
  const owned = new Set(program.nets.flatMap(({ layers }) => layers.flatMap((l) => Object.values(l.tensors))))
  const idle = `for (let i = 0; i < ${program.idle}; i++) tensor([1, 2], { requiresGrad: true }).mul(3).sum().backward()`
  return [
    ...program.leaves.filter(({ id }) => !owned.has(id)).map(leafLine),
    ...program.nets.flatMap((net) => netLines(net, program.leaves)),
    ...program.steps.flatMap((step) => stepLines(step, program, methods)),
    ...(program.idle > 0 ? [idle] : []),
  ]
}

/** The whole of it. */
export function print(program: Program, methods: ReadonlySet<string>): string {
  const lines = body(program, methods)
  const uses = (what: string) => lines.some((line) => line.includes(what))
  const names = ['init', 'nn', 'noGrad', 'tensor'].filter((name) => name === 'init' || uses(`${name}`))
  const classes = Object.entries(USER_MODULES).filter(([name]) => uses(`new ${name}(`))
  return [
    `import { ${[...new Set([...names, 'nn'])].sort().join(', ')} } from 'simdgrad'`,
    'await init({ threads: 2 })',
    'const F = nn.functional',
    ...(uses('noise(') ? [NOISE_SOURCE] : []),
    ...classes.map(([name, own]) => `class ${name} extends nn.Module { ${own} }`),
    ...lines,
  ].join('\n')
}
