/** The entry `simdgrad/onnx` for browsers: nets as ONNX models, and ONNX models as nets. */
export { type ExampleInputs, encodeOnnx, type OnnxOptions } from './encode.js'
export { saveOnnx } from './files.web.js'
