/** The functions that a file may consist of, by name. */
import type { Kernel } from './kernel.js'
import { ARRAYS } from './kernels-arrays.js'
import { ELEMENTWISE } from './kernels-elementwise.js'
import { INDICES } from './kernels-indices.js'
import { LAYERS } from './kernels-layers.js'

export const KERNELS: ReadonlyMap<string, Kernel> = new Map([
  ...ELEMENTWISE,
  ...ARRAYS,
  ...LAYERS,
  ...INDICES,
  // Both languages have these of their own.
  ['whole', { parameters: 'float v', body: '' }],
  ['erff', { parameters: 'float v', body: '' }],
  ['rintf', { parameters: 'float v', body: '' }],
])
