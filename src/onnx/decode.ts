/** ONNX models as nets. */
import { bytesOf, type FileSource } from '../io/files.js'
import { loadCodec } from './proto.js'
import { graphOf } from './read/graph.js'
import { OnnxNet } from './read/net.js'

/** What `loadOnnx` gives, with what reads a path here. */
export async function loadOnnxBy(
  from: FileSource,
  read: (path: string | URL) => Promise<Uint8Array>,
): Promise<OnnxNet<never>> {
  const [bytes, where] = await bytesOf('loadOnnx', from, read)
  const { decode } = await loadCodec()
  const model = decode(bytes, where)
  const graph = graphOf(model, where)
  const metadata: Record<string, string> = Object.create(null)
  for (const { key, value } of model.metadataProps) metadata[key] = value
  return new OnnxNet<never>(graph, metadata)
}
