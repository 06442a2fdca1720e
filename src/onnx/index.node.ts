/** The entry `simdgrad/onnx` for Node, Bun and Deno: nets as ONNX models, and ONNX models as nets. */
export { type ExampleInputs, encodeOnnx, type OnnxOptions } from './encode.js'
export { loadOnnx, saveOnnx } from './files.node.js'
export { OnnxNet } from './read/net.js'
export { OnnxBranch } from './read/state.js'
