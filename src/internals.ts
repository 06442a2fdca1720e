/** What the project's own tests and benchmarks see of the built package's inside. It is not published. */
export { relu } from './autograd/ops/unary.generated.js'
export { gelu } from './autograd/ops/unary-parts.generated.js'
export { instance } from './bindings/instance.js'
export * as kernels from './bindings/kernels.generated.js'
export { Storage } from './bindings/memory.js'
export { CHAIN_FORMS, CHAINS, ROW_FORMS } from './bindings/rows.generated.js'
export * as wholeKernels from './bindings/whole-kernels.generated.js'
export { lanesLength } from './tensor/lanes.js'
