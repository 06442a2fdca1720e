/** onnxruntime, in WebAssembly and, where it is, Python's: runs what was exported. */
import type { Tensor } from 'simdgrad'
import { runInPython } from './python.js'

/** What a model gives. */
export interface Output {
  shape: number[]
  values: Float32Array
}

/** As much of https://onnxruntime.ai/docs/api/js/ as is called. */
interface OnnxRuntime {
  env: { wasm: { numThreads: number }; logLevel: string }
  Tensor: new (type: string, values: ArrayLike<number> | BigInt64Array, shape: readonly number[]) => Value
  InferenceSession: { create(bytes: Uint8Array, options: object): Promise<Session> }
}

interface Value {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

interface Session {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly inputMetadata: readonly { type?: string }[]
  run(feeds: Record<string, Value>): Promise<Record<string, Value>>
  release(): Promise<void>
}

// (By a name that the compiler does not look for: `npm ci --prefix test/onnxruntime` brings it.)
const ort = (await import(String('onnxruntime-web'))) as OnnxRuntime
ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

/** The outputs of a model, in order, of each onnxruntime that is there. Inputs that it wants as int64 are given so. */
export async function runModel(
  bytes: Uint8Array,
  inputs: readonly Tensor[],
): Promise<{ by: string; outputs: Output[] }[]> {
  const inPython = await runInPython(bytes, inputs)
  return [
    { by: 'onnxruntime-web', outputs: await runInWeb(bytes, inputs) },
    ...(inPython ? [{ by: "Python's onnxruntime", outputs: inPython }] : []),
  ]
}

async function runInWeb(bytes: Uint8Array, inputs: readonly Tensor[]): Promise<Output[]> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] })
  try {
    const feeds = Object.fromEntries(
      session.inputNames.map((name, i) => {
        const values = inputs[i].toFloat32Array()
        const whole = session.inputMetadata[i].type === 'int64'
        return [
          name,
          new ort.Tensor(
            whole ? 'int64' : 'float32',
            whole ? BigInt64Array.from(values, BigInt) : values,
            inputs[i].shape,
          ),
        ]
      }),
    )
    const results = await session.run(feeds)
    return session.outputNames.map((name) => ({
      shape: [...results[name].dims],
      values: results[name].data,
    }))
  } finally {
    await session.release()
  }
}
