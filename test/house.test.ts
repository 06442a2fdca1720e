import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/**
 * The staircase: what each folder of src/ may import besides itself and the ground (errors.ts, check.ts, snake-case.ts). Everything
 * else is an import upwards, sideways or past a neighbour. '' is the entries: index.ts, public.ts and so on.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  '': ['bindings', 'tensor', 'autograd', 'nn', 'optim', 'data', 'train', 'io'],
  // The command is a user of the package, and writes files.
  cli: ['', 'io', 'nets', 'distributed'],
  // Nets as files: what is written down is what operations do.
  export: ['nn', 'autograd', 'tensor'],
  // An entry of its own: nets as other programs' files.
  onnx: ['nn', 'autograd', 'tensor', 'io', 'bytes'],
  // A user of the package, but for what a Worker needs of checkpoints and modes.
  'in-worker': ['', 'train', 'io', 'nn', 'tensor'],
  // Nets of a user's: what they are made of is public.
  nets: [''],
  // Above all that is public: it reaches into the step of a training, and sends wasm memory.
  distributed: ['train', 'io', 'data', 'nn', 'autograd', 'tensor', 'bindings'],
  // A checkpoint is a file.
  train: ['nn', 'optim', 'data', 'io', 'autograd', 'tensor'],
  io: ['nn', 'tensor', 'bytes'],
  // Layers hold tensors, and call operations.
  nn: ['autograd', 'tensor'],
  // An optimiser's step records nothing: it is one kernel, and needs no operation.
  optim: ['tensor', 'bindings'],
  data: ['tensor', 'bytes'],
  // What bytes mean, whoever reads them: archives, check sums, floats of 16 bits.
  bytes: [],
  // An operation's forward and backward are kernels, applied to tensors.
  autograd: ['tensor', 'bindings'],
  tensor: ['bindings'],
  bindings: ['bindings/wasm'],
  'bindings/wasm': [],
}

/** What every floor may import. */
const GROUND = ['errors.ts', 'check.ts', 'snake-case.ts']

/** The floor that a file of src/ is on. */
function floorOf(file: string): string {
  const folder = posix.dirname(file)
  return folder.startsWith('bindings/wasm') ? 'bindings/wasm' : folder.split('/')[0].replace('.', '')
}

/** What a source imports or exports from files beside it, types too, as written. */
function relativeImports(file: string, source: string): string[] {
  // JavaScript's types are in its comments; TypeScript's comments are only text.
  const code = file.endsWith('.js')
    ? source
    : source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*/g, '$1')
  const patterns = [
    /^\s*(?:import|export)\b[^'";]*?\bfrom\s*['"](\.[^'"]*)['"]/gm,
    /^\s*import\s*['"](\.[^'"]*)['"]/gm,
    /\bimport\(\s*['"](\.[^'"]*)['"]\s*\)/g,
  ]
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map(([, path]) => path))
}

/** Complaints about a source tree, given as path below src/ → text. */
function complaints(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  const graph = new Map<string, string[]>()
  for (const [file, source] of files) {
    const targets: string[] = []
    for (const path of relativeImports(file, source)) {
      const target = posix.normalize(posix.join(posix.dirname(file), path))
      const real = [target, target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.d.ts')].find((name) =>
        files.has(name),
      )
      if (!real) {
        found.push(`${file} imports ${path}, which is no file of src/`)
        continue
      }
      targets.push(real)
      const [from, to] = [floorOf(file), floorOf(real)]
      if (!(from in MAY_IMPORT)) found.push(`${file}: its folder has no floor in test/house.test.ts`)
      else if (!GROUND.includes(real) && to !== from && !MAY_IMPORT[from].includes(to)) {
        found.push(`${file} imports ${real}: not down one stair`)
      }
    }
    graph.set(file, targets)
  }
  return [...found, ...cycles(graph)]
}

/** The cycles that a depth-first walk meets. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) {
      found.push(`a cycle: ${[...path.slice(path.indexOf(file)), file].join(' → ')}`)
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}

function readSources(): Map<string, string> {
  const src = fileURLToPath(new URL('../src', import.meta.url))
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).map((name) =>
    name.replaceAll('\\', '/'),
  )
  return new Map(
    names
      .filter((name) => /\.(ts|js)$/.test(name))
      .map((name) => [name, readFileSync(`${src}/${name}`, 'utf8')]),
  )
}

describe('src/', () => {
  const sources = readSources()

  it('has no import upwards and no cycle', () => {
    expect(complaints(sources)).toEqual([])
  })

  it('asks for the whole binary before its kernels are called', () => {
    // (internals.ts hands them on to the tests and benchmarks, which load the whole binary.)
    const users = [...sources].filter(
      ([file, source]) => source.includes("/whole-kernels.generated.js'") && file !== 'internals.ts',
    )
    expect(users.length).toBeGreaterThan(5)
    for (const [file, source] of users) expect(source, file).toMatch(/^\s+needWhole\(/m)
  })

  it('was read: floors and imports are found', () => {
    const floors = new Set([...sources.keys()].map(floorOf))
    expect([...floors].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
    const count = [...sources].flatMap(([file, source]) => relativeImports(file, source)).length
    expect(count).toBeGreaterThan(100)
  })

  it('is found at fault when one import upwards, or one cycle, is planted in it', () => {
    const plant = (file: string, line: string) =>
      complaints(new Map([...sources, [file, `${sources.get(file)}\n${line}\n`]]))
    expect(plant('tensor/tensor.ts', "import type { Module } from '../nn/module.js'")[0]).toMatch(
      /tensor\/tensor\.ts imports nn\/module\.ts/,
    )
    expect(plant('tensor/tensor.ts', "import { adopt } from './scope.js'").join()).toMatch(
      /a cycle: .*tensor\.ts → /,
    )
  })
})

describe('the check', () => {
  const check = (files: Record<string, string>) => complaints(new Map(Object.entries(files)))
  const bare = {
    'nn/module.ts': '',
    'tensor/tensor.ts': '',
    'bindings/memory.ts': '',
    'errors.ts': '',
    'check.ts': '',
    'autograd/tape.ts': '',
    'public.ts': '',
    'nets/a.ts': '',
    'bindings/wasm/a.d.ts': '',
  }

  it.each([
    ["import { a } from '../nn/module.js'", 'a value'],
    ["import type { A } from '../nn/module.js'", 'a type'],
    ["import {\n  a,\n  type B,\n} from '../nn/module.js'", 'several lines'],
    ["import * as a from '../nn/module.js'", 'a namespace'],
    ["import '../nn/module.js'", 'a side effect'],
    ["export * from '../nn/module.js'", 'a re-export'],
    ["export { type A } from '../nn/module.js'", 'a named re-export'],
    ["const a = await import('../nn/module.js')", 'a dynamic import'],
    ["type A = import('../nn/module.js').A", 'a type in place'],
    ['import { a } from "../nn/module.js"', 'double quotes'],
  ])('%j in autograd is upwards (%s)', (line) => {
    expect(check({ ...bare, 'autograd/ops/add.ts': line.replace('../nn', '../../nn') })).toEqual([
      'autograd/ops/add.ts imports nn/module.ts: not down one stair',
    ])
  })

  it.each([
    ['bindings/a.ts', '../tensor/tensor.js', 'upwards'],
    ['tensor/a.ts', '../autograd/tape.js', 'upwards'],
    ['bindings/wasm/a.ts', '../memory.js', 'upwards, into the same folder'],
    ['data/a.ts', '../nn/module.js', 'data knows no layers'],
    ['nn/a.ts', '../bindings/memory.js', 'past a neighbour'],
    ['autograd/a.ts', '../bindings/wasm/a.js', 'past a neighbour, to the crate'],
    ['nn/a.ts', '../public.js', 'the entry'],
    ['nets/a.ts', '../nn/module.js', 'past the entry'],
    ['public.ts', './nets/a.js', 'upwards, from the entry'],
    ['new/a.ts', '../nn/module.js', 'a folder that no floor was given'],
    ['nn/a.ts', './gone.js', 'a file that is not there'],
  ])('%s may not import %s: %s', (file, path) => {
    expect(check({ ...bare, [file]: `import { a } from '${path}'` })).toHaveLength(1)
  })

  it.each([
    ['nn/a.ts', '../tensor/tensor.js'],
    ['data/a.ts', '../tensor/tensor.js'],
    ['autograd/ops/a.ts', '../../bindings/memory.js'],
    ['autograd/ops/a.ts', '../../tensor/tensor.js'],
    ['autograd/ops/a.ts', '../tape.js'],
    ['bindings/a.ts', './wasm/a.js'],
    ['bindings/a.ts', '../errors.js'],
    ['tensor/a.ts', '../check.js'],
    ['cli/a.ts', '../public.js'],
    ['cli/a.ts', '../nets/a.js'],
    ['nets/a.ts', '../public.js'],
  ])('%s may import %s', (file, path) => {
    expect(check({ ...bare, [file]: `import { a } from '${path}'` })).toEqual([])
  })

  it('does not take a comment for an import', () => {
    expect(
      check({
        ...bare,
        'autograd/a.ts': "// import { a } from '../nn/module.js'\n/* import('../nn/module.js') */",
      }),
    ).toEqual([])
  })

  it('sees cycles of two and of three, types included, and none where there is none', () => {
    const to = (...paths: string[]) => paths.map((path) => `import type { A } from './${path}.js'`).join('\n')
    expect(check({ 'nn/a.ts': to('b'), 'nn/b.ts': to('a') })).toEqual([
      'a cycle: nn/a.ts → nn/b.ts → nn/a.ts',
    ])
    expect(check({ 'nn/d.ts': to('a'), 'nn/a.ts': to('b'), 'nn/b.ts': to('c'), 'nn/c.ts': to('a') })).toEqual(
      ['a cycle: nn/a.ts → nn/b.ts → nn/c.ts → nn/a.ts'],
    )
    expect(check({ 'nn/a.ts': to('b', 'c'), 'nn/b.ts': to('c'), 'nn/c.ts': '' })).toEqual([])
  })
})

it('names for bundlers what is imported for its effect alone', () => {
  const root = new URL('..', import.meta.url)
  const { sideEffects } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    sideEffects: string[]
  }
  const files = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' })
  const effects = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const source = readFileSync(new URL(`src/${file}`, root), 'utf8')
      const imports = [...source.matchAll(/^import '(\..*)'$/gm)]
      return imports.map(([, path]) => `./dist/${posix.join(posix.dirname(file), path)}`)
    })
  expect(effects.length).toBeGreaterThan(1)
  expect(effects.filter((path) => !sideEffects.includes(path))).toEqual([])
})
