/** Functions of each element. */
import { at, type Kernel, loops } from './kernel.js'

/** Functions of one number, by the operations' names; `first` and `second` are what they take besides. */
const UNARY: Readonly<Record<string, string>> = {
  neg: '-v',
  abs: 'fabsf(v)',
  sqrt: 'sqrtf(v)',
  exp: 'expf(v)',
  log: 'logf(v)',
  relu: 'v < 0.0f ? 0.0f : v',
  sigmoid: 'logistic(v)',
  tanh: 'tanhf(v)',
  gelu: '0.5f * v * (1.0f + erff(v * 0.70710678f))',
  geluTanh: '0.5f * v * (1.0f + tanhf(0.79788456f * (v + 0.044715f * v * v * v)))',
  sin: 'sinf(v)',
  cos: 'cosf(v)',
  erf: 'erff(v)',
  floor: 'floorf(v)',
  ceil: 'ceilf(v)',
  round: 'rintf(v)',
  sign: 'v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v',
  rsqrt: '1.0f / sqrtf(v)',
  reciprocal: '1.0f / v',
  log1p: 'log1pf(v)',
  silu: 'v * logistic(v)',
  hardswish: 'v * fminf(fmaxf(v + 3.0f, 0.0f), 6.0f) / 6.0f',
  mish: 'v * tanhf(smooth(v))',
  relu6: 'v < 0.0f ? 0.0f : v > 6.0f ? 6.0f : v',
  leakyRelu: 'v < 0.0f ? first * v : v',
  elu: 'v < 0.0f ? first * expm1f(v) : v',
  softplus: 'first * v > second ? v : smooth(first * v) / first',
  clamp: 'v < first ? (first > second ? second : first) : v > second ? second : v',
  pow: 'powf(v, first)',
}

const BINARY: Readonly<Record<string, string>> = {
  add: 'v + u',
  sub: 'v - u',
  mul: 'v * u',
  div: 'v / u',
  maximum: 'v > u || v != v ? v : u',
  minimum: 'v < u || v != v ? v : u',
  prelu: 'v < 0.0f ? u * v : v',
  eq: 'v == u ? 1.0f : 0.0f',
  ne: 'v != u ? 1.0f : 0.0f',
  lt: 'v < u ? 1.0f : 0.0f',
  le: 'v <= u ? 1.0f : 0.0f',
  gt: 'v > u ? 1.0f : 0.0f',
  ge: 'v >= u ? 1.0f : 0.0f',
}

/** Whether there is a function of one number of that name. */
export const isUnary = (name: string): boolean => Object.hasOwn(UNARY, name)
export const isBinary = (name: string): boolean => Object.hasOwn(BINARY, name)

/** Functions that kernels call, in the way they are named there. */
const helpersOf = (text: string) =>
  ['logistic', 'smooth', 'erff', 'rintf'].filter((name) => text.includes(`${name}(`))

/** What a function takes besides. */
export const numbersOf = (name: string): readonly string[] =>
  ['first', 'second'].filter((number) => UNARY[name].includes(number))

/** Its name in a file, where C has some of the shorter ones already. */
export const each = (name: string): string => `each_${name}`

const unaryKernels = Object.entries(UNARY).map(([name, formula]): [string, Kernel] => [
  each(name),
  {
    parameters: `const float *x, float *y, int n${numbersOf(name)
      .map((number) => `, float ${number}`)
      .join('')}`,
    body: `for (int i = 0; i < n; i++) {\n  float v = x[i];\n  y[i] = ${formula};\n}`,
    needs: helpersOf(formula),
  },
])

const binaryKernels = Object.entries(BINARY).flatMap(([name, formula]): [string, Kernel][] => [
  [
    each(name),
    {
      parameters: 'const float *a, const float *b, float *y, int n',
      body: `for (int i = 0; i < n; i++) {\n  float v = a[i];\n  float u = b[i];\n  y[i] = ${formula};\n}`,
    },
  ],
  [
    // s: sizes, and the strides of both operands.
    `${each(name)}_broadcast`,
    {
      parameters: 'const float *a, const float *b, float *y, const int *s',
      body: `int i = 0;\n${loops(0, `float v = a[${at(6)}];\nfloat u = b[${at(12)}];\ny[i] = ${formula};\ni++;`)}`,
    },
  ],
])

export const ELEMENTWISE: readonly [string, Kernel][] = [
  ['logistic', { parameters: 'float v', body: 'return 1.0f / (1.0f + expf(-v));' }],
  ['smooth', { parameters: 'float v', body: 'return fmaxf(v, 0.0f) + log1pf(expf(-fabsf(v)));' }],
  ...unaryKernels,
  ...binaryKernels,
]
