import { checkPath } from '../io/files.js'
import { originFile } from '../io/folder.web.js'
import type { AnyModule } from '../nn/module.js'
import { type ExampleInputs, encodeOnnxFor, type OnnxOptions } from './encode.js'

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
