/**
 * The files of torch.save (https://docs.pytorch.org/docs/stable/notes/serialization.html): a ZIP archive with a pickle
 * (data.pkl) and a file for each storage (data/0 …); before PyTorch 1.6, pickles one after the other and the storages
 * behind them. The pickle is read as data (pickle.ts), and of Python only what state dicts are made of is known.
 */
import { readZip, type ZipEntry } from '../bytes/zip.js'
import { DataError } from '../errors.js'
import { readPickle } from './pickle.js'
import { PickleDict, PickleGlobal, type PickleOptions, type Unpickled } from './pickle-machine.js'
import { DTYPES, STORAGES, TorchStorage, tensorOf } from './torch-storage.js'

/** What a file holds: a tree with `TorchTensor`s in it, and the bytes of their storages, by key. */
export interface TorchFile {
  value: unknown
  storages: ReadonlyMap<string, Uint8Array>
}

/** The line of Python that makes another file one that is read. */
const ADVICE =
  "Save the state dict alone in Python: torch.save(net.state_dict(), 'net.pt'), or safetensors.torch.save_file(net.state_dict(), 'net.safetensors')."

/** The first of the pickles in old files: PyTorch's own number. */
const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL = 1001

/** Functions and classes of Python that are known, and what is made in their place. */
const CALLS: Readonly<Record<string, (given: readonly unknown[], count: Count) => unknown>> = {
  'collections.OrderedDict': dictOf,
  'collections.Counter': dictOf,
  'torch._utils._rebuild_tensor_v2': (given) => tensorOf(given),
  'torch._utils._rebuild_tensor': (given) => tensorOf(given),
  'torch._utils._rebuild_tensor_v3': (given) => tensorOf(given, dtypeOf(given[6])),
  'torch._utils._rebuild_parameter': ([tensor]) => tensor,
  'torch.Size': ([sizes]) => sizes ?? [],
  'torch.device': (given) => {
    if (given.length > 2 || !given.every((one) => typeof one === 'string' || typeof one === 'number'))
      throw new Error('it has a device that is none')
    return given.join(':')
  },
}

/** A dtype is a value, without a call; a class of storages is what persistent ids name. */
function knownName(name: string): unknown {
  if (Object.hasOwn(CALLS, name)) return new PickleGlobal(name)
  const [, short] = /^torch(?:\.storage)?\.(\w+)$/.exec(name) ?? []
  if (short !== undefined && (Object.hasOwn(STORAGES, short) || Object.hasOwn(DTYPES, short)))
    return new PickleGlobal(`torch.${short}`)
  return undefined
}

function dtypeOf(value: unknown): string {
  const name = value instanceof PickleGlobal ? value.name.replace('torch.', '') : ''
  if (!Object.hasOwn(DTYPES, name)) throw new Error('it has a tensor of an unknown dtype')
  return name
}

/** Counts what is copied. @throws {Error} for more than the file has bytes */
type Count = (copied: number) => void

function dictOf([items]: readonly unknown[], count: Count): PickleDict {
  const dict = new PickleDict()
  if (items instanceof PickleDict) {
    count(items.entries.size)
    for (const [key, value] of items.entries) dict.entries.set(key, value)
  } else if (Array.isArray(items)) {
    count(items.length)
    for (const item of items) {
      if (!Array.isArray(item) || item.length !== 2) throw new Error('it has a dictionary of no pairs')
      dict.entries.set(item[0], item[1])
    }
  } else if (items !== undefined) throw new Error('it has a dictionary of no pairs')
  return dict
}

/** Reads the storages that a pickle's persistent ids name, each once. */
class Ids implements PickleOptions {
  readonly storages = new Map<string, TorchStorage>()
  readonly advice = ADVICE
  readonly known = knownName
  /** What may still be copied: each item of a dictionary takes a byte at least, and is used once. */
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  call(name: string, given: readonly unknown[]): unknown {
    if (!Object.hasOwn(CALLS, name)) throw new Error(`it calls ${name}`)
    return CALLS[name](given, (copied) => {
      this.#left -= copied
      if (this.#left < 0) throw new Error('it copies the same dictionary again and again')
    })
  }

  /** `('storage', class, key, location, number of elements)`, and in old files a view of another. */
  persistent = (id: unknown): unknown => {
    const [what, kind, key, , length, view] = Array.isArray(id) ? id : []
    const name = kind instanceof PickleGlobal ? kind.name.replace('torch.', '') : ''
    if (
      what !== 'storage' ||
      !Object.hasOwn(STORAGES, name) ||
      typeof key !== 'string' ||
      !Number.isSafeInteger(length)
    ) {
      throw new Error('it speaks of a storage that is none')
    }
    if (view !== undefined && view !== null) throw new Error('it has a storage that is a view of another')
    const known = this.storages.get(key)
    const storage = new TorchStorage(key, STORAGES[name], Number(length))
    if (storage.length < 0 || (known && (known.dtype !== storage.dtype || known.length !== storage.length)))
      throw new Error(`it says two things of storage ${JSON.stringify(key)}`)
    if (known) return known
    this.storages.set(key, storage)
    return storage
  }
}

/**
 * Reads a file of torch.save. Nothing in it is run.
 *
 * @param where names the file in errors
 * @throws {DataError} for what is none, is damaged, or holds more of Python than plain values and tensors
 */
export async function readTorchFile(bytes: Uint8Array, where: string): Promise<TorchFile> {
  const start = String.fromCharCode(...bytes.subarray(0, 16))
  if (start.startsWith('PK')) return readArchive(bytes, where)
  if (bytes[0] === 0x80) return readOld(bytes, where)
  const hint = start.trimStart().startsWith('<')
    ? 'It is HTML or XML, probably a page that a server sent.'
    : start.startsWith('version https://')
      ? "It is a Git LFS pointer, not the file: fetch the file with 'git lfs pull'."
      : 'Check the path, or copy or save it again.'
  throw new DataError(`${where} is no file of torch.save: it is neither a ZIP archive nor a pickle. ${hint}`)
}

async function readArchive(bytes: Uint8Array, where: string): Promise<TorchFile> {
  const entries = readZip(bytes, where)
  const pickle = entries.find(({ name }) => /^[^/]*\/?data\.pkl$/.test(name))
  const folder = pickle?.name.slice(0, -'data.pkl'.length)
  const entry = (name: string) => entries.find((one) => one.name === `${folder}${name}`)
  if (!pickle || entry('constants.pkl')) {
    const what = pickle ? 'a program of TorchScript (torch.jit.save)' : 'no data.pkl in it'
    throw new DataError(`${where} is no state dict: it is a ZIP archive with ${what}. ${ADVICE}`)
  }
  // As torch.save writes them. So what is unpacked is never more than what is there.
  const total = entries.reduce((sum, { size }) => sum + size, 0)
  if (total > bytes.length) {
    throw new DataError(
      `${where} unpacks to ${total} bytes from ${bytes.length}; torch.save packs nothing. ${ADVICE}`,
    )
  }
  const order = entry('byteorder')
  if (order && new TextDecoder().decode(await order.read()) !== 'little') throw bigEndian(where)
  const ids = new Ids(bytes.length)
  const unpickled = readPickle(await pickle.read(), 0, `${where}: ${pickle.name}`, ids)
  const storages = new Map<string, Uint8Array>()
  for (const [key, storage] of ids.storages) {
    const found: ZipEntry | undefined = entry(`data/${key}`)
    if (!found || found.size !== storage.bytes) {
      throw new DataError(
        `${where} is damaged: storage ${JSON.stringify(key)} takes ${storage.bytes} bytes, and ${found ? `${found.size} are` : 'nothing is'} there. Copy or save it again.`,
      )
    }
    storages.set(key, await found.read())
  }
  return { value: unpickled.value, storages }
}

const bigEndian = (where: string) =>
  new DataError(
    `${where} was written on a machine that stores numbers the other way round (big-endian). Load and save it on another in Python.`,
  )

/** Pickles: the magic number, the protocol, what the machine was, the object, the storages' keys. Then the storages. */
function readOld(bytes: Uint8Array, where: string): TorchFile {
  const ids = new Ids(bytes.length)
  let at = 0
  const next = (): unknown => {
    const { value, end }: Unpickled = readPickle(bytes, at, where, ids)
    at = end
    return value
  }
  if (next() !== MAGIC) {
    throw new DataError(
      `${where} is a pickle, but none of torch.save: it does not begin with its number. ${ADVICE}`,
    )
  }
  const protocol = next()
  const machine = next()
  if (protocol !== PROTOCOL || !(machine instanceof PickleDict))
    throw new DataError(
      `${where} is of a form of torch.save that is not known (${String(protocol)}). ${ADVICE}`,
    )
  if (machine.entries.get('little_endian') === false) throw bigEndian(where)
  const value = next()
  const keys = next()
  const storages = new Map<string, Uint8Array>()
  const damaged = (what: string) => new DataError(`${where} is damaged: ${what}. Copy or save it again.`)
  if (!Array.isArray(keys)) throw damaged('it has no list of storages')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (const key of keys) {
    const storage = typeof key === 'string' ? ids.storages.get(key) : undefined
    if (!storage) throw damaged('it lists a storage that it does not speak of')
    const end = at + 8 + storage.bytes
    if (end > bytes.length || view.getBigInt64(at, true) !== BigInt(storage.length))
      throw damaged(`storage ${JSON.stringify(key)} is not there`)
    storages.set(storage.key, bytes.subarray(at + 8, end))
    at = end
  }
  const missing = [...ids.storages.keys()].find((key) => !storages.has(key))
  if (missing !== undefined) throw damaged(`storage ${JSON.stringify(missing)} is not there`)
  return { value, storages }
}
