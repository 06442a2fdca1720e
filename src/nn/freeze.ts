/**
 * Frozen batch norm: layers that stay in evaluation mode whatever `train()` says, as fine-tuning with small batches
 * wants it. A frozen layer has properties of its own in the place of its class's, so that one that is not frozen costs
 * nothing.
 */
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { BatchNorm } from './batch-norm.js'
import { type AnyModule, Module, type Parameter, type StateDict } from './module.js'

/** Options of freezeBatchNorm. */
export interface FreezeOptions {
  /** Whether weight and bias are frozen too (`requiresGrad` false). Default false. */
  affine?: boolean
}

/** What is true of some modules of a state dict, by their paths: PyTorch's `_metadata`. */
export type StateMetadata = Record<string, { frozen: true }>

interface Frozen {
  /** The mode that `train()` last asked for. */
  mode: boolean
  /** Whether weight and bias were trained before. */
  trained: Map<Parameter, boolean>
}

const frozenLayers = new WeakMap<AnyModule, Frozen>()
/** Nets whose state dict says which layers are frozen. */
const telling = new WeakSet<AnyModule>()

/** Whether `freezeBatchNorm` has frozen this layer. */
export function isFrozen(layer: AnyModule): boolean {
  return frozenLayers.has(layer)
}

/** The mode that `train()` last asked a module for, frozen or not. */
export function askedMode(module: AnyModule): boolean {
  return frozenLayers.get(module)?.mode ?? module.training
}

/**
 * Freezes the batch norm layers of a net: they normalise with their running statistics, which stay as they are, also
 * in training and after `train()`. `String(net)` tells which are frozen, and so does `net.stateDict()._metadata` (as
 * PyTorch's, and written into safetensors files). Gradients still flow through them, and to weight and bias unless
 * `affine` is true. A layer without running statistics is left alone: it has nothing to stand still with.
 *
 * @param net any module, or a layer
 * @returns the net
 * @throws {ArgumentError} for what is no module, or an unknown option; nothing is frozen then
 */
export function freezeBatchNorm<M extends AnyModule>(net: M, options: FreezeOptions = {}): M {
  checkNet('freezeBatchNorm', net)
  checkOptions('freezeBatchNorm', options, ['affine'])
  const { affine = false } = options
  checkBoolean('freezeBatchNorm', 'affine', affine)
  for (const layer of layersOf(net)) {
    if (layer.runningMean === undefined) continue
    const frozen = frozenLayers.get(layer) ?? freeze(layer)
    if (affine) freezeAffine(layer, frozen)
  }
  tellFrozen(net)
  return net
}

/**
 * Undoes `freezeBatchNorm`: each layer is in the mode that `train()` or `eval()` last asked for, and weight and bias are
 * trained where they were before. Layers that are not frozen are left alone.
 *
 * @param net any module, or a layer
 * @returns the net
 * @throws {ArgumentError} for what is no module
 */
export function unfreezeBatchNorm<M extends AnyModule>(net: M): M {
  checkNet('unfreezeBatchNorm', net)
  for (const layer of layersOf(net)) {
    const frozen = frozenLayers.get(layer)
    if (!frozen) continue
    frozenLayers.delete(layer)
    Reflect.deleteProperty(layer, 'training')
    Reflect.deleteProperty(layer, 'extraRepr')
    layer.training = frozen.mode
    for (const [parameter, trained] of frozen.trained) parameter.requiresGrad = trained
  }
  return net
}

function checkNet(name: string, net: AnyModule): void {
  if (!(net instanceof Module)) throw new ArgumentError(`${name}: expected a Module, got ${kindOf(net)}`)
}

function layersOf(net: AnyModule): BatchNorm[] {
  const modules = new Set(net.namedModules().map(([, module]) => module))
  return [...modules].filter((module) => module instanceof BatchNorm)
}

function freeze(layer: BatchNorm): Frozen {
  const frozen: Frozen = { mode: layer.training, trained: new Map() }
  // The module's own mode too: a compiled step relies on it, and has to be recorded anew.
  layer.training = false
  const { get } = Object.getOwnPropertyDescriptor(Module.prototype, 'training') ?? {}
  Object.defineProperty(layer, 'training', {
    configurable: true,
    get,
    set: (mode: boolean) => {
      frozen.mode = mode
    },
  })
  Object.defineProperty(layer, 'extraRepr', {
    configurable: true,
    value: () => `${Object.getPrototypeOf(layer).extraRepr.call(layer)}, frozen`,
  })
  frozenLayers.set(layer, frozen)
  return frozen
}

function freezeAffine(layer: BatchNorm, { trained }: Frozen): void {
  for (const parameter of [layer.weight, layer.bias]) {
    if (!parameter || trained.has(parameter)) continue
    trained.set(parameter, parameter.requiresGrad)
    parameter.requiresGrad = false
  }
}

/** Makes `stateDict()` of a net, and of all modules in it, say what is frozen, where anything is. */
export function tellFrozen(net: AnyModule): void {
  const modules = net.namedModules().map(([, module]) => module)
  if (modules.some(isFrozen)) for (const module of modules) tell(module)
}

function tell(module: AnyModule): void {
  if (telling.has(module)) return
  telling.add(module)
  Object.defineProperty(module, 'stateDict', {
    configurable: true,
    value: (): StateDict => {
      const state: StateDict = Object.getPrototypeOf(module).stateDict.call(module)
      const frozen = module.namedModules().filter(([, each]) => isFrozen(each))
      const metadata = Object.fromEntries(frozen.map(([path]) => [path, { frozen: true }]))
      // Beside the tensors, as in PyTorch: who goes through the entries does not meet it.
      if (frozen.length > 0) Object.defineProperty(state, '_metadata', { value: metadata, enumerable: false })
      return state
    },
  })
}
