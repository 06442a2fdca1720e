import { checkPath, type FileSource } from '../io/files.js'
import { originFile, readOriginFile } from '../io/folder.web.js'
import type { AnyModule } from '../nn/module.js'
import type { Tensor } from '../tensor/tensor.js'
import { loadOnnxBy } from './decode.js'
import { type ExampleInputs, encodeOnnxFor, type OnnxOptions } from './encode.js'
import type { OnnxNet } from './read/net.js'

/** As in Node (files.node.ts). */
export async function saveOnnx(
  path: string,
  net: AnyModule,
  inputs: ExampleInputs,
  options: OnnxOptions = {},
): Promise<void> {
  checkPath('saveOnnx', path)
  const [folder, name] = originFile(path)
  await folder.write(name, await encodeOnnxFor('saveOnnx', net, inputs, options))
}

/** As in Node (files.node.ts). */
export async function loadOnnx<Output = Tensor>(from: FileSource): Promise<OnnxNet<Output>> {
  return (await loadOnnxBy(from, readOriginFile)) as OnnxNet<unknown> as OnnxNet<Output>
}
