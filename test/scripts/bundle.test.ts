/** The package for Node, one file for all of its entries. It is the built one: `npm run build` first. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { describe, expect, it } from 'vitest'

const dist = new URL('../../dist/', import.meta.url)
/** A module of dist/, as Node has it and not as Vitest does. */
const built = (path: string) => import(/* @vite-ignore */ new URL(path, dist).href)

/** Path → what is there, of everything that a namespace exports. */
function exported(namespace: object, path = ''): Map<string, unknown> {
  return new Map(
    Object.entries(namespace).flatMap(([key, value]): [string, unknown][] =>
      Object.prototype.toString.call(value) === '[object Module]'
        ? [...exported(value, `${path}${key}.`)]
        : [[`${path}${key}`, value]],
    ),
  )
}

/** The methods of a class, those that are added to it from outside too. */
const members = (prototype: object | undefined) => Object.getOwnPropertyNames(prototype ?? {}).sort()

describe('the bundle for Node', () => {
  it.each([
    ['index.node.js', '../../src/index.node.js'],
    ['nets/index.node.js', '../../src/nets/index.node.js'],
    ['export/index.node.js', '../../src/export/index.node.js'],
    ['distributed/index.node.js', '../../src/distributed/index.node.js'],
    ['onnx/index.node.js', '../../src/onnx/index.node.js'],
    ['in-worker/train-in-worker.node.js', '../../src/in-worker/train-in-worker.node.js'],
    ['in-worker/training-worker.node.js', '../../src/in-worker/training-worker.node.js'],
  ])('%s exports what its source does, by the same names', async (file, source) => {
    const [ours, theirs] = [exported(await built(file)), exported(await import(/* @vite-ignore */ source))]
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort())
    for (const [path, value] of ours) {
      if (typeof value !== 'function') continue
      const source = theirs.get(path) as { name: string; prototype?: object }
      // What errors and String(net) print: two things of one name, one of which is renamed, would show.
      expect(value.name, path).toBe(source.name)
      expect(members(value.prototype), path).toEqual(members(source.prototype))
    }
  })

  it('is one for all entries', async () => {
    const { nn } = await built('index.node.js')
    const { JOBS } = await built('nets/index.node.js')
    expect(JOBS.mlp.make).toBeTypeOf('function')
    const { BatchNormByHand } = await built('nets/index.node.js')
    expect(Object.getPrototypeOf(BatchNormByHand)).toBe(nn.Module)
    const { DistributedDataParallel } = await built('distributed/index.node.js')
    expect(Object.getPrototypeOf(DistributedDataParallel)).toBe(nn.Module)
  })

  it.each([
    'worker.node.js',
    'worker.web.js',
  ])('has %s as a script that imports and exports nothing', (name) => {
    // Bundlers copy it, and what runs the copy may not take it for a module.
    const code = readFileSync(new URL(`bindings/${name}`, dist), 'utf8')
    expect(() => new Script(code)).not.toThrow()
  })

  it('has beside it no module that only Node uses', () => {
    const files = readdirSync(fileURLToPath(dist), { recursive: true, encoding: 'utf8' })
    expect(files.filter((file) => file.endsWith('.node.js')).sort()).toEqual([
      'bindings/worker.node.js',
      'distributed/index.node.js',
      'export/index.node.js',
      'in-worker/train-in-worker.node.js',
      'in-worker/training-worker.node.js',
      'index.node.js',
      'internals.node.js',
      'library.node.js',
      'nets/index.node.js',
      'onnx/index.node.js',
      'own.node.js',
    ])
  })
})
