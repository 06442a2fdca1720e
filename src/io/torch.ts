/** PyTorch's own files as state dicts, and as trees of plain values. */
import { checkOptions, kindOf } from '../check.js'
import { ArgumentError, DataError } from '../errors.js'
import type { StateDict } from '../nn/module.js'
import { fromValues } from '../tensor/create.js'
import { MOST_DIMENSIONS } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { PickleDict, PickleGlobal } from './pickle-machine.js'
import { readTorchFile, type TorchFile } from './torch-file.js'
import { TorchTensor, valuesOf } from './torch-storage.js'

/** Options of `loadPyTorch` and `loadPyTorchTree`. */
export interface LoadPyTorchOptions {
  /**
   * Where in the file the state dict is, as `'model'` in `{"model": net.state_dict(), "epoch": 3}`; dots go deeper, where
   * no name has them. Default: the file is the state dict.
   */
  key?: string
  /** Takes the word on what is not float32 in the file, and became so. Default `console.warn`. */
  onMessage?: (text: string) => void
}

/** What a `.pt` file holds, as plain values: dictionaries are objects without a prototype, lists and tuples arrays. */
export type PyTorchTree =
  | Tensor
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly PyTorchTree[]
  | { readonly [name: string]: PyTorchTree }

const OPTIONS = ['key', 'onMessage']
/** Levels of a tree: what is deeper is a circle. */
const DEPTH = 64
/** Values that tensors may have in all, for each that the file stores: views may overlap, but not without an end. */
const OVERLAP = 8
const SPARE = 65_536

/** What `loadPyTorch` gives, of a file's bytes. */
export async function decodeTorch(
  [bytes, where]: readonly [Uint8Array, string],
  options: LoadPyTorchOptions,
): Promise<StateDict> {
  return stateOf(await readTorchFile(bytes, where), options, where)
}

/** What `loadPyTorchTree` gives, of a file's bytes. */
export async function decodeTorchTree(
  [bytes, where]: readonly [Uint8Array, string],
  options: LoadPyTorchOptions,
): Promise<PyTorchTree> {
  const file = await readTorchFile(bytes, where)
  const [found] = at(file.value, options.key, where)
  const reader = new Reader(file, where)
  const tree = reader.tree(found)
  reader.tell(options.onMessage)
  return tree
}

/** @throws {ArgumentError} */
export function checkTorchOptions(name: string, options: LoadPyTorchOptions): void {
  checkOptions(name, options, OPTIONS)
  const { key, onMessage } = options
  if (key !== undefined && typeof key !== 'string')
    throw new ArgumentError(`${name}: key is a name in the file, such as 'model', got ${kindOf(key)}`)
  if (onMessage !== undefined && typeof onMessage !== 'function')
    throw new ArgumentError(`${name}: onMessage is a function, got ${kindOf(onMessage)}`)
}

function stateOf(file: TorchFile, { key, onMessage }: LoadPyTorchOptions, where: string): StateDict {
  const [found, path] = at(file.value, key, where)
  if (!isState(found)) {
    const inside = statesIn(file.value)
    const hint =
      inside.length > 0
        ? `State dicts are in it at ${listOf(inside.map((one) => `'${one}'`))}: say { key: '${inside[0]}' }.`
        : `It holds ${contents(found)}.`
    throw new DataError(`${where} holds no state dict${path ? ` at '${path}'` : ''}. ${hint}`)
  }
  const reader = new Reader(file, where)
  const entries = [...found.entries].map(
    ([name, value]) => [textOf(name), reader.tree(value, textOf(name))] as const,
  )
  reader.tell(onMessage)
  // (As own entries, whatever they are called.)
  return Object.fromEntries(entries) as StateDict
}

/** Names to tensors, one at least. */
function isState(value: unknown): value is PickleDict {
  if (!(value instanceof PickleDict)) return false
  for (const [name, one] of value.entries)
    if (typeof name !== 'string' || !(one instanceof TorchTensor)) return false
  return value.entries.size > 0
}

/** Where state dicts are. (Each dictionary is looked at once: they may hold each other, and very often.) */
function statesIn(value: unknown, path = '', depth = 0, seen = new Set<unknown>()): string[] {
  if (!(value instanceof PickleDict) || depth > 4) return []
  const found: string[] = []
  for (const [key, one] of value.entries) {
    if (!(one instanceof PickleDict) || seen.has(one)) continue
    seen.add(one)
    const name = path ? `${path}.${textOf(key)}` : textOf(key)
    if (isState(one)) found.push(name)
    else for (const inside of statesIn(one, name, depth + 1, seen)) found.push(inside)
  }
  return found
}

/** A key in words. (Tuples in tuples would be walked down to no end.) */
const textOf = (key: unknown): string => (typeof key === 'object' && key !== null ? '(…)' : String(key))

function contents(value: unknown): string {
  if (value instanceof TorchTensor) return `a tensor of shape [${value.shape}]`
  if (!(value instanceof PickleDict)) return Array.isArray(value) ? 'a list' : String(value).slice(0, 40)
  const names = [...value.entries.keys()].map(textOf)
  return names.length === 0 ? 'nothing' : listOf(names)
}

const listOf = (names: readonly string[]) => names.slice(0, 8).join(', ') + (names.length > 8 ? ', …' : '')

/** What is at `key`, and its path. A name may have dots of its own, so the longest that is there is taken. */
function at(value: unknown, key: string | undefined, where: string): [value: unknown, path: string] {
  if (key === undefined) return [value, '']
  let here = value
  let rest = key.split('.')
  while (rest.length > 0) {
    const names = here instanceof PickleDict ? byName(here) : new Map<string, unknown>()
    const count = rest.findLastIndex((_, i) => names.has(rest.slice(0, i + 1).join('.'))) + 1
    if (count === 0) {
      throw new DataError(
        `${where} has nothing at key '${key}': there is no '${rest[0]}' among ${contents(here)}.`,
      )
    }
    here = names.get(rest.slice(0, count).join('.'))
    rest = rest.slice(count)
  }
  return [here, key]
}

const byName = ({ entries }: PickleDict) => new Map([...entries].map(([name, one]) => [textOf(name), one]))

/** Makes plain values and tensors of what was read. */
class Reader {
  readonly #made = new Map<unknown, PyTorchTree>()
  readonly #tensors = new Map<string, Tensor>()
  readonly #converted = new Map<string, { tensors: number; rounded: number }>()
  #left: number

  constructor(
    readonly file: TorchFile,
    readonly where: string,
  ) {
    const stored = [...file.storages.values()].reduce((sum, { length }) => sum + length, 0)
    this.#left = OVERLAP * stored + SPARE
  }

  tree(value: unknown, name = '', depth = 0): PyTorchTree {
    if (depth > DEPTH) throw new DataError(`${this.where} is nested too deeply, or holds itself.`)
    if (value instanceof TorchTensor) return this.#tensor(value, name)
    if (value instanceof PickleGlobal) return value.name
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array)
      return value as PyTorchTree
    // What is there several times stays one, as in Python.
    const made = this.#made.get(value)
    if (made !== undefined) return made
    let result: PyTorchTree
    if (Array.isArray(value)) result = value.map((one) => this.tree(one, name, depth + 1))
    else if (value instanceof PickleDict) {
      const object: Record<string, PyTorchTree> = Object.create(null)
      for (const [key, one] of value.entries) {
        const inside = nameOf(key, this.where)
        object[inside] = this.tree(one, inside, depth + 1)
      }
      result = object
    } else throw new DataError(`${this.where} holds a storage without a tensor, which is not read.`)
    this.#made.set(value, result)
    return result
  }

  /** Tied weights are one tensor. */
  #tensor(tensor: TorchTensor, name: string): Tensor {
    const known = this.#tensors.get(tensor.identity)
    if (known) return known
    const { shape, dtype, size, storage } = tensor
    this.#left -= size
    if (this.#left < 0) {
      throw new DataError(
        `${this.where} has tensors that repeat their values more than ${OVERLAP} times (one of shape [${shape}]). Save copies: {k: v.clone() for k, v in net.state_dict().items()}.`,
      )
    }
    const bytes = this.file.storages.get(storage.key)
    if (!bytes || shape.length > MOST_DIMENSIONS)
      throw new DataError(`${this.where} has a tensor of shape [${shape}], which is not read.`)
    const { values, rounded } = valuesOf(tensor, bytes)
    // (PyTorch counts batches in 64-bit whole numbers: that is nothing to speak of.)
    if (dtype !== 'float32' && !name.endsWith('num_batches_tracked')) {
      const counts = this.#converted.get(dtype) ?? { tensors: 0, rounded: 0 }
      this.#converted.set(dtype, { tensors: counts.tensors + 1, rounded: counts.rounded + rounded })
    }
    const made = fromValues(values, [...shape])
    this.#tensors.set(tensor.identity, made)
    return made
  }

  /** One word on all that was converted. */
  tell(onMessage: (text: string) => void = console.warn): void {
    if (this.#converted.size === 0) return
    const parts = [...this.#converted].map(([dtype, { tensors, rounded }]) => {
      const how = rounded > 0 ? `${rounded} of their values rounded` : 'every value exactly'
      return `${tensors} of ${dtype} (${how})`
    })
    onMessage(`${this.where}: tensors became float32: ${parts.join(', ')}.`)
  }
}

/** A key as the name of a property. */
function nameOf(key: unknown, where: string): string {
  if (typeof key === 'string') return key
  if (key === null || typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean')
    return String(key)
  if (Array.isArray(key) && key.every((one) => typeof one !== 'object')) return key.join(',')
  throw new DataError(`${where} has a dictionary with a key that is no text or number.`)
}
