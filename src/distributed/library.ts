/** The MPI library, called through koffi: how it is found, what its handles are, and the few functions that are used. */
import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { MPIError } from './errors.js'
import type { Launcher, Make } from './launcher.js'

/** A handle, an address, or a buffer. */
type Handle = number | bigint

/** A function of the library; all give an error class, 0 for success. */
type Call = (...given: readonly (Handle | string | ArrayBufferView)[]) => number

/** As much of https://koffi.dev as is called. */
interface Koffi {
  load(path: string | null, options: { global: boolean }): Loaded
  address(symbol: unknown): bigint
  config(options?: Readonly<Record<string, number>>): Record<string, number>
}

interface Loaded {
  func(name: string, result: string, parameters: readonly string[]): Call
  symbol(name: string): unknown
}

/** What elements are. */
export type ElementType = 'byte' | 'float' | 'double'

/** How elements of several ranks become one. */
export type Operator = 'sum' | 'max' | 'min' | 'product'

/** A library's constants. */
export interface Handles {
  readonly world: Handle
  readonly types: Readonly<Record<ElementType, Handle>>
  readonly operators: Readonly<Record<Operator, Handle>>
  /** The error handler that gives a code back. */
  readonly errorsReturn: Handle
  /** In the place of a send buffer: the receive buffer has what is sent. */
  readonly inPlace: Handle
  /** In the place of a status. */
  readonly noStatus: Handle
}

/** A library that was loaded, and is not initialised. */
export interface Library {
  readonly make: Make
  /** As the library tells it, such as `Open MPI v4.1.4`. */
  readonly version: string
  readonly handles: Handles
  /** A function of the library. `p` is a pointer to a buffer, `h` a handle or an address, `i` an int. */
  func(name: string, parameters: string): Call
}

/** By the names under which they are installed: versions 4 and 5 of Open MPI, and MPICH with what is compatible with it. */
const NAMES: Readonly<Record<Make, readonly string[]>> =
  process.platform === 'darwin'
    ? {
        'Open MPI': [
          'libmpi.40.dylib',
          '/opt/homebrew/lib/libmpi.40.dylib',
          '/usr/local/lib/libmpi.40.dylib',
        ],
        MPICH: ['libmpi.12.dylib', '/opt/homebrew/lib/libmpi.12.dylib', '/usr/local/lib/libmpi.12.dylib'],
      }
    : {
        'Open MPI': ['libmpi.so.40', '/usr/lib64/openmpi/lib/libmpi.so.40', 'libmpi.so'],
        MPICH: [
          'libmpich.so.12',
          'libmpi.so.12',
          '/usr/lib64/mpich/lib/libmpi.so.12',
          'libmpich.so',
          'libmpi.so',
        ],
      }

const TYPES: Readonly<Record<string, string>> = { p: 'void *', h: 'intptr_t', i: 'int' }

/** The environment variable that names the library, where the option can't be given. */
export const LIBRARY_VARIABLE = 'SIMDGRAD_MPI_LIBRARY'

/**
 * What the transport UCX, which Debian's MPICH has under it, is told: to leave this process's signals alone (the engine
 * itself handles SIGSEGV, for wasm), and not to patch libc's functions of memory while other threads run them: about one
 * start of sixty crashed so.
 */
const SETTINGS = { UCX_HANDLE_ERRORS: 'none', UCX_MEM_MMAP_HOOK_MODE: 'none' }

/** What MPICH's functions need of a stack; koffi gives calls one of its own. */
const STACK_BYTES = 8 << 20

/**
 * Loads the library that fits the launcher.
 *
 * @param given its path or name; undefined to look for it
 * @throws {MPIError} where koffi is not installed, no library is found, or it is of another make than the launcher
 */
export function loadLibrary(launcher: Launcher, given: string | undefined): Library {
  const koffi = loadKoffi()
  for (const [name, value] of Object.entries(SETTINGS)) setVariable(koffi, name, value)
  // Ranks that wait let others run, where there are more of them than processors.
  if ((launcher.localSize ?? 1) > cpus().length) setVariable(koffi, 'OMPI_MCA_mpi_yield_when_idle', '1')
  const { make } = launcher
  const names = given ? [given] : launcher.prefers.flatMap((one) => [...besideLauncher(one), ...NAMES[one]])
  const failures: string[] = []
  let other: Library | undefined
  for (const name of names) {
    try {
      // Open MPI loads parts of itself, which look for its symbols.
      const library = libraryOf(koffi, koffi.load(name, { global: true }))
      if (!make || library.make === make) return library
      other = library
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  if (other) {
    throw new MPIError(
      `mpi: this process was started by ${launcher.name}, but the library ${given ? `'${given}'` : 'that is found'} is ${other.version}: each rank would be alone; start it with the mpirun of ${other.make}, or name the library of ${make}: mpi({ library }), or ${LIBRARY_VARIABLE} in the environment`,
      'other-make',
    )
  }
  const install =
    make === 'MPICH' ? 'on Debian: apt-get install libmpich12' : 'on Debian: apt-get install libopenmpi3'
  throw new MPIError(
    `mpi: this process was started by ${launcher.name}, but no MPI library could be loaded (${failures.join('; ')}); install it (${install}), or say where it is: mpi({ library: '/path/libmpi.so' }), or ${LIBRARY_VARIABLE} in the environment`,
    'no-library',
  )
}

/**
 * The libraries of the installation that the launcher is of, which need not be where the linker looks: Open MPI 5 tells its
 * ranks where it is, and MPICH's mpirun, in a folder of the user's own, is mostly the one on the PATH.
 */
function besideLauncher(make: Make): string[] {
  const { OPAL_PREFIX, PATH = '' } = process.env
  const found = make === 'MPICH' && PATH.split(delimiter).find((folder) => existsSync(join(folder, 'mpirun')))
  const prefix =
    make === 'Open MPI' ? OPAL_PREFIX : found && dirname(dirname(realpathSync(join(found, 'mpirun'))))
  const names = NAMES[make].filter((name) => !name.includes('/'))
  return prefix ? names.map((name) => join(prefix, 'lib', name)).filter((path) => existsSync(path)) : []
}

function loadKoffi(): Koffi {
  // (An import would be bundled.)
  const require = createRequire(import.meta.url)
  let koffi: Koffi
  try {
    koffi = require('koffi') as Koffi
  } catch (cause) {
    throw new MPIError(
      'mpi: koffi, which calls the MPI library, is not installed or does not load here. Install it with this line: npm install koffi',
      'no-koffi',
      { cause },
    )
  }
  try {
    koffi.config({ sync_stack_size: Math.max(STACK_BYTES, koffi.config().sync_stack_size) })
  } catch {
    // It was used before, and keeps what it has.
  }
  return koffi
}

/** Sets a variable that is not set, where libraries see it. (Bun's process.env is not the process's own.) */
function setVariable(koffi: Koffi, name: string, value: string): void {
  if (process.env[name] !== undefined) return
  process.env[name] = value
  koffi.load(null, { global: false }).func('setenv', 'int', ['const char *', 'const char *', 'int'])(
    name,
    value,
    1,
  )
}

function libraryOf(koffi: Koffi, loaded: Loaded): Library {
  const func = (name: string, parameters: string) =>
    loaded.func(
      name,
      'int',
      [...parameters].map((letter) => TYPES[letter]),
    )
  const text = new Uint8Array(8192)
  const length = new Int32Array(1)
  func('MPI_Get_library_version', 'pp')(text, length)
  const version = new TextDecoder().decode(text.subarray(0, length[0])).split(/[\n\0]/)[0]
  if (/Open MPI|Open RTE/.test(version)) {
    const words = version.replace(/,.*/, '')
    return { make: 'Open MPI', version: words, handles: openMpi(koffi, loaded), func }
  }
  return { make: 'MPICH', version: version.replace(/\s+/g, ' '), handles: MPICH, func }
}

/** The handles are the addresses of exported symbols (ompi/include/mpi.h). */
function openMpi(koffi: Koffi, loaded: Loaded): Handles {
  const at = (name: string) => koffi.address(loaded.symbol(`ompi_${name}`))
  return {
    world: at('mpi_comm_world'),
    types: { byte: at('mpi_byte'), float: at('mpi_float'), double: at('mpi_double') },
    operators: {
      sum: at('mpi_op_sum'),
      max: at('mpi_op_max'),
      min: at('mpi_op_min'),
      product: at('mpi_op_prod'),
    },
    errorsReturn: at('mpi_errors_return'),
    inPlace: 1,
    noStatus: 0,
  }
}

/** The handles are numbers, which the common interface of MPICH and its kin fixes (src/include/mpi.h.in). */
const MPICH: Handles = {
  world: 0x44000000,
  types: { byte: 0x4c00010d, float: 0x4c00040a, double: 0x4c00080b },
  operators: { sum: 0x58000003, max: 0x58000001, min: 0x58000002, product: 0x58000004 },
  errorsReturn: 0x54000001,
  inPlace: -1,
  noStatus: 1,
}
