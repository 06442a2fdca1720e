/** A program as a module of JavaScript. */
import { sizeOf } from '../tensor/shape.js'
import { emit, type Language, shapeText } from './emit.js'
import type { Kernel } from './kernel.js'
import type { Program, Value } from './program.js'

/** Functions of C's that JavaScript has under another name. */
const MATH: Readonly<Record<string, string>> = {
  fabsf: 'abs',
  sqrtf: 'sqrt',
  expf: 'exp',
  expm1f: 'expm1',
  logf: 'log',
  log1pf: 'log1p',
  tanhf: 'tanh',
  sinf: 'sin',
  cosf: 'cos',
  floorf: 'floor',
  ceilf: 'ceil',
  powf: 'pow',
  fminf: 'min',
  fmaxf: 'max',
}

/** What JavaScript does not have: erf as erfc by Chebyshev's polynomials, to 1.2e-7 (Press et al., Numerical Recipes, 6.2). */
const OWN: Readonly<Record<string, string>> = {
  whole: 'const whole = Math.trunc',
  // Halves go to the even side.
  rintf: `function rintf(v) {
  const near = Math.round(v)
  return Math.abs(v % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near
}`,
  erff: `function erff(v) {
  const z = Math.abs(v)
  const t = 1 / (1 + 0.5 * z)
  const terms = [0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368]
  let sum = 0
  for (const term of terms) sum = sum * t + term
  const rest = t * Math.exp(-z * z - 1.26551223 + t * sum)
  return v < 0 ? rest - 1 : 1 - rest
}`,
}

/** From the part of C that the functions are written in (kernels.ts). */
function kernel(name: string, { parameters, body }: Kernel): string {
  const own = OWN[name]
  if (own !== undefined) return own
  const names = parameters.split(',').map((parameter) => parameter.match(/\w+$/)?.[0])
  const text = body
    .replace(/\b(?:int|float) (\w+) =/g, 'let $1 =')
    .replace(/(\d\.\d*)f\b/g, '$1')
    .replace(/\bINFINITY\b/g, 'Infinity')
    .replace(/\b(\w+f)\(/g, (call, function_: string) =>
      MATH[function_] ? `Math.${MATH[function_]}(` : call,
    )
  return `function ${name}(${names.join(', ')}) {\n${indented(text)}\n}`
}

const indented = (text: string) => text.replace(/^(?=.)/gm, '  ')

/** Bytes as text. (btoa takes no long arrays at once.) */
function base64(values: Float32Array | Int8Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  let binary = ''
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(binary)
}

const JAVASCRIPT: Language = {
  kernel,
  floats: (name, values) => `const ${name} = new Float32Array(decode('${base64(values)}'))`,
  bytes: (name, values) => `const ${name} = new Int8Array(decode('${base64(values)}'))`,
  ints: (name, values) => `const ${name} = [${values.join(', ')}]`,
  part: (name, place, size) => ({
    declaration: `const ${name} = memory.subarray(${place}, ${place + size})`,
    use: name,
  }),
  float: String,
  none: 'null',
}

const DECODE = `function decode(text) {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes.buffer
}`

/** The file's text. */
export function writeJavaScript(program: Program, name: string) {
  const parts = emit(program, JAVASCRIPT)
  const { inputs, outputs } = program
  const nameOf = ({ buffer }: Value) => buffer?.parameter ?? ''
  const sizes = inputs.map((value) => `${nameOf(value)}.length !== ${sizeOf(value.shape)}`)
  const expected = inputs.map(({ shape }) => sizeOf(shape)).join(' and ')
  const given = outputs.map(nameOf)
  const text = `// A trained net as plain JavaScript, written by simdgrad: no dependencies.
// ${parts.weightBytes} bytes of weights and tables, ${4 * parts.memory} bytes of memory.

${DECODE}

${parts.memory > 0 ? `const memory = new Float32Array(${parts.memory})\n` : ''}${parts.arrays.join('\n')}

${parts.kernels.join('\n\n')}

/**
 * Values in row-major order, in plain or typed arrays.
 *
${inputs.map((value) => ` * @param {ArrayLike<number>} ${nameOf(value)} ${shapeText(value.shape)}`).join('\n')}
 * @returns ${given.length > 1 ? 'Float32Arrays: ' : '{Float32Array} '}${outputs.map(({ shape }) => shapeText(shape)).join(', ')}
 */
export function ${name}(${inputs.map(nameOf).join(', ')}) {
  if (${sizes.join(' || ')}) throw new RangeError('${name}: expected ${expected} values')
${outputs.map((value) => `  const ${nameOf(value)} = new Float32Array(${sizeOf(value.shape)})`).join('\n')}
${indented(parts.calls.join('\n'))}
  return ${given.length > 1 ? `[${given.join(', ')}]` : given[0]}
}
`
  return { text, ...parts }
}
