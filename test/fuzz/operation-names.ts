/** Which operations there are: the one place that knows where the library lists them. */
import { nn, Tensor } from 'simdgrad'

/** Methods of a tensor that are no operations: they read, write or free it, or walk the graph. */
const NO_OPERATIONS = new Set([
  'constructor',
  'item',
  'toFloat32Array',
  'toArray',
  'toString',
  'detach',
  'copy_',
  'toRows_',
  'fill_',
  'dispose',
  'become',
  'release',
  'zeroGrad',
  'backward',
  // Gives a number, not a tensor.
  'correct',
])

/** The name of every operation. */
export function operationNames(): string[] {
  const methods = Object.getOwnPropertyNames(Tensor.prototype).filter((name) => {
    const property = Object.getOwnPropertyDescriptor(Tensor.prototype, name)
    return typeof property?.value === 'function'
  })
  const names = new Set([...methods, ...Object.keys(nn.functional)])
  return [...names].filter((name) => !NO_OPERATIONS.has(name)).sort()
}

/** The name of every layer: what `nn` has that derives from Module. */
export function layerNames(): string[] {
  const isLayer = (it: unknown) => typeof it === 'function' && it.prototype instanceof nn.Module
  // Sequential is what the layers are drawn into; lists and dicts have no forward.
  const lists = ['Sequential', 'ModuleList', 'ModuleDict', 'ParameterList', 'Module']
  // These are made of layers that are drawn: test/nn/sequences.test.ts compares them with PyTorch.
  const others = ['TransformerEncoder', 'TransformerEncoderLayer']
  // Through r and d they have no gradient, which finite differences see: test/nn/batch-norm-kinds.test.ts has a twin.
  const stopped = ['BatchRenorm1d', 'BatchRenorm2d']
  // These take the places besides, and call maxUnpool1d and maxUnpool2d, which are drawn.
  const unpooling = ['MaxUnpool1d', 'MaxUnpool2d']
  // Alone it is batch norm, which is drawn: test/distributed and test/mpi have it with others.
  const several = ['SyncBatchNorm']
  const out = [...lists, ...others, ...stopped, ...unpooling, ...several]
  return Object.entries(nn)
    .filter(([name, it]) => isLayer(it) && !out.includes(name))
    .map(([name]) => name)
    .sort()
}

/** Whether an operation is called as a method: where it is one, unless nn.functional's is asked for and there. */
export function isMethod(op: string, functional = false): boolean {
  return op in Tensor.prototype && !(functional && op in nn.functional)
}
