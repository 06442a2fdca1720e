/** A program as a file of C99. */
import { sizeOf } from '../tensor/shape.js'
import { emit, type Language, shapeText } from './emit.js'
import type { Kernel } from './kernel.js'
import type { Program, Value } from './program.js'

/** What C has of itself, or writes otherwise. */
const OWN: Readonly<Record<string, string>> = {
  erff: '',
  rintf: '',
  whole: 'static int whole(float v) {\n  return (int)v;\n}',
}

/** Functions that give a number. */
const GIVES = ['logistic', 'smooth']

function kernel(name: string, { parameters, body }: Kernel): string {
  const own = OWN[name]
  if (own !== undefined) return own
  return `static ${GIVES.includes(name) ? 'float' : 'void'} ${name}(${parameters}) {\n${indented(body)}\n}`
}

const indented = (text: string) => text.replace(/^(?=.)/gm, '  ')

/** The shortest decimal that is this float. */
function shortest(value: number): string {
  for (const digits of [6, 7, 8]) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return String(Number(value.toPrecision(9)))
}

function float(value: number): string {
  if (Number.isNaN(value)) return 'NAN'
  if (!Number.isFinite(value)) return value > 0 ? 'INFINITY' : '-INFINITY'
  const text = Object.is(value, -0) ? '-0' : shortest(Math.fround(value))
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`
}

function list(type: string, name: string, values: readonly string[]): string {
  const lines: string[] = []
  let line = ''
  for (const value of values) {
    if (line.length + value.length > 110) {
      lines.push(line)
      line = ''
    }
    line += `${value}, `
  }
  if (line) lines.push(line)
  return `static const ${type} ${name}[${values.length}] = {\n${lines.map((one) => `  ${one.trimEnd()}`).join('\n')}\n};`
}

const C: Language = {
  kernel,
  floats: (name, values) => list('float', name, Array.from(values, float)),
  bytes: (name, values) => list('int8_t', name, Array.from(values, String)),
  ints: (name, values) => list('int', name, values.map(String)),
  part: (_, place) => ({ use: place === 0 ? 'memory' : `memory + ${place}` }),
  float,
  none: '0',
}

/** The file's text. */
export function writeC(program: Program, name: string) {
  const parts = emit(program, C)
  const { inputs, outputs } = program
  const describe = (value: Value) =>
    `${value.buffer?.parameter}: ${shapeText(value.shape)}, ${sizeOf(value.shape)} floats`
  const signature = [
    ...inputs.map(({ buffer }) => `const float *${buffer?.parameter}`),
    ...outputs.map(({ buffer }) => `float *${buffer?.parameter}`),
  ].join(', ')
  const header = `void ${name}(${signature})`
  const text = `/* A trained net as plain C99, written by simdgrad: no dependencies, no allocation.

   ${header};

   ${[...inputs, ...outputs].map(describe).join('\n   ')}
   All arrays are in row-major order. ${parts.weightBytes} bytes of weights and tables, ${4 * parts.memory} bytes of memory,
   which is static: one call at a time. */
#include <math.h>
#include <stdint.h>

${header};
${parts.memory > 0 ? `\nstatic float memory[${parts.memory}];\n` : ''}
${parts.arrays.join('\n')}

${parts.kernels.join('\n\n')}

${header} {
${indented(parts.calls.join('\n'))}
}
`
  return { text, ...parts }
}
