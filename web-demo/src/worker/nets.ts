import { manualSeed, nn, noGrad, optim } from 'simdgrad'
import type { Norm, Settings } from '../settings.js'

const UNITS = 100
const CLASSES = 10
/** Channels of the convolutions; pooling comes after the first two. */
const CHANNELS = [8, 16, 16, 16, 16, 16]
const POOLED = 2

/** The net of the settings, with this norm or with none. The same seed gives all of them the same weights. */
export function buildNet(settings: Settings, norm: Norm | undefined): nn.Sequential {
  manualSeed(settings.seed)
  const net = settings.net === 'mlp' ? mlp(settings, norm) : conv(settings, norm)
  if (settings.scale !== 1) scaleWeights(net, settings.scale)
  return net
}

/** Group norm's groups: of 10 units, or of 4 channels. */
const GROUPED = { mlp: 10, conv: 4 }

/** A norm for a layer of so many channels. Layer norm over a whole image is one group of all channels. */
function normOf({ net, momentum }: Settings, norm: Norm, channels: number): nn.Module {
  if (norm === 'group') return new nn.GroupNorm(channels / GROUPED[net], channels)
  if (norm === 'layer') return net === 'mlp' ? new nn.LayerNorm(channels) : new nn.GroupNorm(1, channels)
  return net === 'mlp'
    ? new nn.BatchNorm1d(channels, { momentum })
    : new nn.BatchNorm2d(channels, { momentum })
}

function mlp(settings: Settings, norm: Norm | undefined): nn.Sequential {
  const modules: nn.Module[] = [new nn.Flatten()]
  for (let i = 0; i < settings.depth; i++) {
    modules.push(new nn.Linear(i === 0 ? 784 : UNITS, UNITS))
    if (norm) modules.push(normOf(settings, norm, UNITS))
    modules.push(new nn.ReLU())
  }
  return new nn.Sequential(...modules, new nn.Linear(UNITS, CLASSES))
}

function conv(settings: Settings, norm: Norm | undefined): nn.Sequential {
  const { depth } = settings
  const modules: nn.Module[] = []
  for (let i = 0; i < depth; i++) {
    modules.push(new nn.Conv2d(i === 0 ? 1 : CHANNELS[i - 1], CHANNELS[i], 3, { padding: 1 }))
    if (norm) modules.push(normOf(settings, norm, CHANNELS[i]))
    modules.push(new nn.ReLU())
    if (i < POOLED) modules.push(new nn.MaxPool2d(2))
  }
  const size = 28 / 2 ** Math.min(depth, POOLED)
  const last = new nn.Linear(CHANNELS[depth - 1] * size * size, CLASSES)
  return new nn.Sequential(...modules, new nn.Flatten(), last)
}

/** Weights of linear and convolution layers, not γ and not biases. */
function scaleWeights(net: nn.Sequential, scale: number): void {
  for (const module of net.modules) {
    if (!isWeighted(module)) continue
    const { weight } = module
    noGrad(() => weight.copy_(weight.mul(scale)))
  }
}

export function buildOptimizer({ optimizer, lr }: Settings, net: nn.Module): optim.Optimizer {
  const parameters = net.parameters()
  switch (optimizer) {
    case 'sgd':
      return new optim.SGD(parameters, { lr })
    case 'momentum':
      return new optim.SGD(parameters, { lr, momentum: 0.9 })
    case 'adam':
      return new optim.Adam(parameters, { lr })
    case 'adamw':
      return new optim.AdamW(parameters, { lr })
  }
}

/** What a layer with weights is called on the page. */
export function nameOf(module: nn.Linear | nn.Conv2d): string {
  return module instanceof nn.Linear
    ? `Linear(${module.inFeatures}, ${module.outFeatures})`
    : `Conv2d(${module.inChannels}, ${module.outChannels})`
}

/** The layers whose results are normalised, or would be: what goes into each ReLU. */
export function activationNames(net: nn.Sequential): string[] {
  let layer = ''
  const names: string[] = []
  for (const module of net.modules) {
    if (isWeighted(module)) layer = nameOf(module)
    if (module instanceof nn.ReLU) names.push(layer)
  }
  return names
}

export function isBatchNorm(module: nn.Module): module is nn.BatchNorm1d | nn.BatchNorm2d {
  return module instanceof nn.BatchNorm1d || module instanceof nn.BatchNorm2d
}

export function isNorm(module: nn.Module): boolean {
  return isBatchNorm(module) || module instanceof nn.GroupNorm || module instanceof nn.LayerNorm
}

/** Layers with weights, the classifier among them. */
export function isWeighted(module: nn.Module): module is nn.Linear | nn.Conv2d {
  return module instanceof nn.Linear || module instanceof nn.Conv2d
}
