/** What both languages share: which functions a file needs, its arrays by name, and its calls. */
import type { Kernel } from './kernel.js'
import { KERNELS } from './kernels.js'
import type { Argument, Buffer, Constant, Program, Value } from './program.js'

/** How one language writes things. */
export interface Language {
  /** A function of the file's. */
  kernel(name: string, kernel: Kernel): string
  /** Arrays that the file has. */
  floats(name: string, values: Float32Array): string
  bytes(name: string, values: Int8Array): string
  ints(name: string, values: readonly number[]): string
  /** A part of the memory, where that is declared by name. */
  part(name: string, place: number, size: number): { declaration?: string; use: string }
  float(value: number): string
  readonly none: string
}

/** A file in parts. */
export interface Parts {
  readonly kernels: readonly string[]
  readonly arrays: readonly string[]
  readonly calls: readonly string[]
  /** Floats of its memory. */
  readonly memory: number
  /** Bytes of its weights and tables. */
  readonly weightBytes: number
}

/** Writes a program's parts. */
export function emit(program: Program, language: Language): Parts {
  const { places, size } = program.plan()
  const arrays: string[] = []
  let weightBytes = 0
  const names = new Map<unknown, string>()
  /** The name of an array, declared when it is first used. */
  const named = (key: unknown, letter: string, declare: (name: string) => string): string => {
    const known = names.get(key)
    if (known !== undefined) return known
    const name = `${letter}${names.size}`
    names.set(key, name)
    const text = declare(name)
    if (text) arrays.push(text)
    return name
  }
  const floats = (constant: Constant) =>
    named(constant, 'w', (name) => {
      weightBytes += 4 * constant.values.length
      return language.floats(name, constant.values)
    })
  const uses = new Map<Buffer, string>()
  const place = (buffer: Buffer): string => {
    if (buffer.parameter !== undefined) return buffer.parameter
    const known = uses.get(buffer)
    if (known !== undefined) return known
    const { declaration, use } = language.part(`m${uses.size}`, places.get(buffer) ?? 0, buffer.size)
    if (declaration) arrays.push(declaration)
    uses.set(buffer, use)
    return use
  }
  const array = ({ buffer, constant }: Value) =>
    buffer ? place(buffer) : constant ? floats(constant) : language.none
  const argument = (arg: Argument): string => {
    if ('read' in arg) return arg.read ? array(arg.read) : language.none
    if ('write' in arg) return array(arg.write)
    if ('int' in arg) return String(arg.int)
    if ('float' in arg) return language.float(arg.float)
    if ('ints' in arg) {
      return named(arg.ints.join(), 's', (name) => {
        weightBytes += 4 * arg.ints.length
        return language.ints(name, arg.ints)
      })
    }
    const { int8 } = arg.int8
    if (!int8) return language.none
    return named(int8, 'q', (name) => {
      weightBytes += int8.values.length
      return language.bytes(name, int8.values)
    })
  }
  const calls = program.steps.map(({ kernel, args }) => `${kernel}(${args.map(argument).join(', ')});`)
  return { kernels: kernelsOf(program, language), arrays, calls, memory: size, weightBytes }
}

/** The functions that the calls need, each after those that it calls. */
function kernelsOf(program: Program, language: Language): string[] {
  const found = new Map<string, string>()
  const add = (name: string) => {
    if (found.has(name)) return
    const kernel = KERNELS.get(name)
    if (!kernel) throw new Error(`there is no function ${name}`)
    for (const need of kernel.needs ?? []) add(need)
    found.set(name, language.kernel(name, kernel))
  }
  for (const { kernel } of program.steps) add(kernel)
  return [...found.values()].filter((text) => text !== '')
}

/** A shape as both languages' comments have it. */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`
