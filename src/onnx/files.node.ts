import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../io/atomic-write.js'
import { checkPath, type FileSource } from '../io/files.js'
import type { AnyModule } from '../nn/module.js'
import type { Tensor } from '../tensor/tensor.js'
import { loadOnnxBy } from './decode.js'
import { type ExampleInputs, encodeOnnxFor, type OnnxOptions } from './encode.js'
import type { OnnxNet } from './read/net.js'

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

/**
 * A net of an ONNX model, as PyTorch and others export it, that can be trained on: its parameters have the file's names, batch
 * norm moves its statistics in training, dropout drops. What it computes is float32, whatever the file has.
 * https://onnx.ai
 *
 * @param from a path (in a browser: in the file system that it keeps for the page's origin), a URL, or a file's bytes
 * @returns the net, in training mode as any new one; of several outputs it gives an array
 * @throws {ArgumentError} for what is none of these
 * @throws {DataError} where the file can't be read, is no ONNX model or damaged, or naming a node whose operator is not read
 * @throws {SimdgradError} where the package `@bufbuild/protobuf` is not installed
 */
export async function loadOnnx<Output = Tensor>(from: FileSource): Promise<OnnxNet<Output>> {
  return (await loadOnnxBy(from, readFile)) as OnnxNet<unknown> as OnnxNet<Output>
}
