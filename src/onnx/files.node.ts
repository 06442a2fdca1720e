import { writeFileAtomic } from '../io/atomic-write.js'
import { checkPath } from '../io/files.js'
import type { AnyModule } from '../nn/module.js'
import { type ExampleInputs, encodeOnnxFor, type OnnxOptions } from './encode.js'

/**
 * Writes a net as an ONNX model, as `encodeOnnx` makes it: the whole file, or none.
 *
 * @param path of the file (in a browser: in the file system that it keeps for the page's origin); one that is there is
 *   replaced
 * @param net stays as it is
 * @param inputs what its forward takes, as an example: a shape, batch included, a tensor, or an array of them
 * @param options which batches, names, version
 * @throws {ArgumentError} for a path that is no text, or as of `encodeOnnx`
 * @throws {AutogradError} as of `encodeOnnx`
 * @throws {SimdgradError} where the file can't be written, or `@bufbuild/protobuf` is not installed
 */
export async function saveOnnx(
  path: string,
  net: AnyModule,
  inputs: ExampleInputs,
  options: OnnxOptions = {},
): Promise<void> {
  checkPath('saveOnnx', path)
  await writeFileAtomic(path, await encodeOnnxFor('saveOnnx', net, inputs, options))
}
