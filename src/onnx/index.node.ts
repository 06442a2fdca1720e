/** The entry `simdgrad/onnx` for Node, Bun and Deno: nets as ONNX models, and ONNX models as nets. */
export { type ExampleInputs, encodeOnnx, type OnnxOptions } from './encode.js'
export { saveOnnx } from './files.node.js'
