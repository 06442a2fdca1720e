/** The walk back through the graph. */

import { accumulate, fill } from '../bindings/kernels.generated.js'
import type { Memory } from '../bindings/memory.js'
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError, AutogradError, ShapeError } from '../errors.js'
import { copyValues } from '../tensor/copy.js'
import { sameShape } from '../tensor/shape.js'
import { empty, Tensor, toLayout } from '../tensor/tensor.js'
import { Call, filledParts } from './call.js'
import { whileDifferentiating } from './tape.js'

/** Walks through graphs so far. */
let visits = 0

/** Options of `backward`. */
export interface BackwardOptions {
  /** Whether the graph may be used again: what it keeps stays until the result is let go of. Default false. */
  retainGraph?: boolean
}

/** Where a walk begins: a result, and its gradient. */
type Seed = readonly [root: Tensor, cotangent: Tensor | undefined]

/** How a walk ends. */
interface Walk {
  retainGraph: boolean
  /** Results of calls whose gradients are asked for, too, by those calls. */
  wanted?: ReadonlyMap<Call, Tensor>
  /** Takes the gradients of the leaves, and of what was wanted. */
  end(gradients: Map<Tensor, Tensor>): void
}

/**
 * Computes the gradients of all leaves that `root` depends on and adds them to their `grad`
 * (https://pytorch.org/docs/stable/generated/torch.Tensor.backward.html). What the graph kept is freed, unless it is to
 * be retained. Where it throws, no `grad` was changed.
 *
 * @param cotangent the gradient of `root`, of its shape; needed unless it has one element
 */
export function backward(root: Tensor, cotangent?: Tensor, options: BackwardOptions = {}): void {
  checkSeed('backward', root, cotangent)
  checkOptions('backward', options, ['retainGraph'])
  const { retainGraph = false } = options
  checkBoolean('backward', 'retainGraph', retainGraph)
  walk([[root, cotangent]], { retainGraph, end: commit })
}

/** @throws {AutogradError} for a root without a graph @throws {ShapeError} for a cotangent that does not fit */
export function checkSeed(name: string, root: Tensor, cotangent: Tensor | undefined): void {
  if (!root.requiresGrad) {
    throw new AutogradError(
      `${name}: this tensor depends on nothing that requires a gradient (or was made inside noGrad)`,
    )
  }
  if (cotangent !== undefined && !(cotangent instanceof Tensor)) {
    throw new ArgumentError(`${name}: the cotangent is a tensor, got ${kindOf(cotangent)}`)
  }
  if (!cotangent && root.size !== 1) {
    throw new ShapeError(
      `${name}: a tensor of shape [${root.shape}] needs a cotangent of that shape; only one with a single element goes without`,
    )
  }
  if (cotangent && !sameShape(cotangent.shape, root.shape)) {
    throw new ShapeError(`${name}: expected a cotangent of shape [${root.shape}], got [${cotangent.shape}]`)
  }
}

/** Walks back from the seeds. @throws {AutogradError} for a graph that can't be used */
export function walk(seeds: readonly Seed[], how: Walk): void {
  const calls = callsBehind(seeds.map(([root]) => root))
  for (const call of calls) call.check()
  whileDifferentiating(() => differentiate(seeds, calls, how))
}

function differentiate(seeds: readonly Seed[], calls: readonly Call[], how: Walk): void {
  const { retainGraph, wanted, end } = how
  /** The gradients of the leaves, until all are there. */
  const leaves = new Map<Tensor, Tensor>()
  const soFar = (x: Tensor) => (x.producer instanceof Call ? x.producer.incoming : leaves.get(x))
  try {
    for (const [root, cotangent] of seeds) {
      const seed = cotangent ? share(cotangent) : empty(root.shape)
      if (!cotangent) fill({ y: seed.storage, value: 1 })
      pass(root, seed, leaves)
    }
    for (const call of calls) {
      const { incoming, sources } = call
      if (incoming) {
        call.incoming = undefined
        const result = wanted?.get(call)
        if (result) leaves.set(result, new Tensor(incoming.storage.retain(), incoming.shape))
        const gradients = call.differentiate(incoming, soFar)
        for (let i = 0; i < gradients.length; i++) {
          const source = sources[i]
          const gradient = gradients[i]
          if (source && gradient) pass(source, gradient, leaves)
        }
      }
      if (!retainGraph) call.free()
    }
    end(leaves)
  } finally {
    for (const gradient of leaves.values()) gradient.release()
    for (const call of calls) {
      if (retainGraph) call.forgetIncoming()
      else call.free()
    }
  }
}

/** A tensor of the walk's own, of the same values. (In lanes there may be anything in a result's padding; in rows is none.) */
function share(x: Tensor): Tensor {
  return x.layout === 'rows' ? new Tensor(x.storage.retain(), x.shape) : toLayout(x, 'rows')
}

/** The recorded calls that `roots` depend on, last first; of those after the first `since`. */
export function callsBehind(roots: readonly Tensor[], since = 0): Call[] {
  const visit = ++visits
  const found: Call[] = []
  const enter = (x: Tensor | undefined) => {
    const call = x?.producer
    if (!(call instanceof Call) || call.visit === visit || call.sequence <= since) return
    call.visit = visit
    found.push(call)
  }
  for (const root of roots) enter(root)
  for (let i = 0; i < found.length; i++) for (const source of found[i].sources) enter(source)
  return found.sort((a, b) => b.sequence - a.sequence)
}

/** The leaves that results depend on by calls recorded after the first `since`. */
export function leavesBehind(roots: readonly Tensor[], since = 0): Tensor[] {
  const calls = callsBehind(roots, since)
  const sources = calls.flatMap((call) => call.sources)
  return [...new Set(sources)].filter((x): x is Tensor => x !== undefined && x.producer === undefined)
}

/** Hands a gradient to the tensor's call or, at a leaf, to `leaves`. Takes it over. */
function pass(to: Tensor, gradient: Tensor, leaves: Map<Tensor, Tensor>): void {
  const call = to.producer
  if (call instanceof Call) call.incoming = call.incoming ? add(call.incoming, gradient) : gradient
  else {
    const before = leaves.get(to)
    leaves.set(to, before ? add(before, gradient) : gradient)
  }
}

/** `a + b`, in `a`'s memory if nobody else has it, or else as a new tensor. Takes both over. */
function add(a: Tensor, b: Tensor): Tensor {
  filledParts.delete(a)
  let sum = a
  if (!a.storage.exclusive) {
    sum = empty(a.shape, a.layout)
    copyValues(a.storage, sum.storage)
    a.release()
  }
  const other = b.layout === sum.layout ? b : toLayout(b, sum.layout)
  accumulate({ x: other.storage, y: sum.storage })
  if (other !== b) other.release()
  b.release()
  return sum
}

/** Adds the leaves' gradients to their `grad`: first all that may fail for want of memory, then the change. */
function commit(leaves: Map<Tensor, Tensor>): void {
  for (const [leaf, gradient] of leaves) {
    const own = ownRows(gradient)
    if (own !== gradient) leaves.set(leaf, own)
    const before = leaf.ownGradient
    // What a user has a share of stays as it is; else the sum is made in place below, with both moved in.
    if (before && !before.storage.exclusive) accumulate({ x: before.storage, y: own.storage })
    else if (before) touch(before.storage, own.storage)
  }
  const all = [...leaves]
  leaves.clear()
  for (const [leaf, gradient] of all) {
    const before = leaf.ownGradient
    if (before?.storage.exclusive) {
      accumulate({ x: gradient.storage, y: before.storage })
      gradient.release()
    } else {
      leaf.ownGradient = gradient
    }
  }
}

/** Moves storages into wasm memory; they stay till the step ends. */
function touch(...storages: readonly Memory[]): void {
  for (const storage of storages) void storage.address
}

/** In rows and in memory of its own, which no other tensor has: what a user may read as `grad`. Takes `gradient` over. */
export function ownRows(gradient: Tensor): Tensor {
  if (gradient.layout === 'rows' && gradient.storage.exclusive) return gradient
  const own = gradient.layout === 'rows' ? empty(gradient.shape) : toLayout(gradient, 'rows')
  if (gradient.layout === 'rows') copyValues(gradient.storage, own.storage)
  gradient.release()
  return own
}
