/** Python's onnxruntime, where SIMDGRAD_PYTHON (or python3) has it: one process, which is asked by lines of JSON. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Tensor } from 'simdgrad'
import type { Output } from './runtime.js'

const python = [process.env.SIMDGRAD_PYTHON, 'python3'].find(
  (command) => command && spawnSync(command, ['-c', 'import numpy, onnxruntime']).status === 0,
)
if (!python) console.log("Left out: Python's onnxruntime (SIMDGRAD_PYTHON names a Python that has it)")

const SCRIPT = `
import base64, json, sys
import numpy as np, onnxruntime as ort
ort.set_default_logger_severity(4)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
for line in sys.stdin:
    try:
        asked = json.loads(line)
        session = ort.InferenceSession(base64.b64decode(asked["model"]), options, providers=["CPUExecutionProvider"])
        feeds = {}
        for given, wanted in zip(asked["inputs"], session.get_inputs()):
            x = np.frombuffer(base64.b64decode(given["values"]), dtype="<f4").reshape(given["shape"])
            feeds[wanted.name] = x.astype(np.int64) if wanted.type == "tensor(int64)" else x
        said = [{"shape": list(y.shape), "values": base64.b64encode(np.ascontiguousarray(y, dtype="<f4").tobytes()).decode()} for y in session.run(None, feeds)]
    except Exception as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
`

let child: ChildProcessWithoutNullStreams | undefined
const waiting: ((line: string) => void)[] = []

/** A line for a line. */
function ask(line: string): Promise<string> {
  if (!child) {
    child = spawn(python ?? '', ['-c', SCRIPT])
    createInterface(child.stdout).on('line', (said) => waiting.shift()?.(said))
    child.on('exit', (code) => {
      for (const said of waiting.splice(0)) said(JSON.stringify({ error: `Python ended with ${code}` }))
    })
    // It ends with this process, whose end it does not hold up.
    child.unref()
    for (const pipe of [child.stdin, child.stdout, child.stderr])
      (pipe as unknown as { unref(): void }).unref()
  }
  const answer = new Promise<string>((resolve) => waiting.push(resolve))
  child.stdin.write(`${line}\n`)
  return answer
}

/** The outputs of a model, in order; undefined where there is no such Python. */
export async function runInPython(
  bytes: Uint8Array,
  inputs: readonly Tensor[],
): Promise<Output[] | undefined> {
  if (!python) return undefined
  const base64 = (view: ArrayBufferView) =>
    Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')
  const asked = {
    model: base64(bytes),
    inputs: inputs.map((x) => ({ shape: x.shape, values: base64(x.toFloat32Array()) })),
  }
  const said = JSON.parse(await ask(JSON.stringify(asked))) as
    | { error: string }
    | { shape: number[]; values: string }[]
  if (!Array.isArray(said)) throw new Error(`Python's onnxruntime: ${said.error}`)
  return said.map(({ shape, values }) => {
    const own = Uint8Array.from(Buffer.from(values, 'base64'))
    return { shape, values: new Float32Array(own.buffer) }
  })
}
