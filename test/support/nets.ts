/**
 * The whole nets of nets.json; test/fixtures/nets.py has the same. Each comes in two ways: with a `forward()` of its
 * own, and as `sequential()`, the same modules inside Sequentials.
 */
import { cat, nn, type Tensor } from 'simdgrad'
import {
  Apply,
  Attention,
  asChannels,
  Gate,
  HandNorm,
  halfMean,
  Join,
  PreBlock,
  pixelMean,
  pixelMeanKept,
  Residual,
  twiceByBroadcast,
  twiceByCat,
} from './net-parts.js'

const { maxPool2d } = nn.functional

/** A net that comes in two ways. */
export abstract class TwoWayNet extends nn.Module<[x: Tensor], Tensor> {
  /** The same modules, inside Sequentials. */
  abstract sequential(): nn.Module

  /** Modules that stay in evaluation mode while the rest trains. */
  frozen(): nn.Module[] {
    return []
  }
}

const conv = (sizeIn: number, sizeOut: number) => new nn.Conv2d(sizeIn, sizeOut, 3, { padding: 1 })

class PreResNet extends TwoWayNet {
  conv = conv(3, 4)
  block1 = new PreBlock(4, 4)
  block2 = new PreBlock(4, 6, 2)
  bn = new nn.BatchNorm2d(6)
  fc = new nn.Linear(6, 5)

  override forward(x: Tensor): Tensor {
    const y = this.block2.forward(this.block1.forward(this.conv.forward(x)))
    return this.fc.forward(
      this.bn
        .forward(y)
        .relu()
        .mean({ dim: [2, 3] }),
    )
  }

  override sequential(): nn.Module {
    const blocks = [this.block1.sequential(), this.block2.sequential()]
    return new nn.Sequential(this.conv, ...blocks, this.bn, new nn.ReLU(), new Apply(pixelMean), this.fc)
  }
}

class DenseNet extends TwoWayNet {
  stem = conv(2, 4)
  bn1 = new nn.BatchNorm2d(4)
  conv1 = conv(4, 3)
  bn2 = new nn.BatchNorm2d(7)
  conv2 = conv(7, 3)
  bn3 = new nn.BatchNorm2d(10)
  conv3 = conv(10, 3)
  bn4 = new nn.BatchNorm2d(13)
  conv4 = new nn.Conv2d(13, 6, 1)
  fc = new nn.Linear(6, 4)

  #pairs(): [nn.Module, nn.Module][] {
    return [
      [this.bn1, this.conv1],
      [this.bn2, this.conv2],
      [this.bn3, this.conv3],
    ]
  }

  override forward(x: Tensor): Tensor {
    let y = this.stem.forward(x)
    for (const [bn, conv] of this.#pairs()) y = cat([y, conv.forward(bn.forward(y).relu())], 1)
    y = halfMean(this.conv4.forward(this.bn4.forward(y).relu()))
    return this.fc.forward(y.relu().mean({ dim: [2, 3] }))
  }

  override sequential(): nn.Module {
    const dense = this.#pairs().map(([bn, conv]) => new Join(new nn.Sequential(bn, new nn.ReLU(), conv)))
    const transition = new nn.Sequential(this.bn4, new nn.ReLU(), this.conv4, new Apply(halfMean))
    return new nn.Sequential(this.stem, ...dense, transition, new nn.ReLU(), new Apply(pixelMean), this.fc)
  }
}

/** Gives logits of each pixel. */
class UNet extends TwoWayNet {
  conv1 = conv(2, 4)
  bn1 = new nn.BatchNorm2d(4)
  conv2 = conv(4, 6)
  bn2 = new nn.BatchNorm2d(6)
  middle = conv(6, 6)
  conv3 = conv(12, 5)
  bn3 = new nn.BatchNorm2d(5)
  conv4 = conv(9, 4)
  head = new nn.Conv2d(4, 3, 1)

  override forward(x: Tensor): Tensor {
    const large = this.bn1.forward(this.conv1.forward(x)).relu()
    const half = this.bn2.forward(this.conv2.forward(maxPool2d(large, 2))).relu()
    const low = this.middle.forward(maxPool2d(half, 2)).relu()
    const merged = this.bn3.forward(this.conv3.forward(cat([half, twiceByBroadcast(low)], 1))).relu()
    const both = cat([large, twiceByCat(merged)], 1)
    return this.head.forward(this.conv4.forward(both).relu())
  }

  override sequential(): nn.Module {
    const up = new Apply(twiceByBroadcast)
    const inner = new Join(new nn.Sequential(new nn.MaxPool2d(2), this.middle, new nn.ReLU(), up))
    const merge = new nn.Sequential(this.conv3, this.bn3, new nn.ReLU())
    const down = [new nn.MaxPool2d(2), this.conv2, this.bn2, new nn.ReLU()]
    const outer = new nn.Sequential(...down, inner, merge, new Apply(twiceByCat))
    const start = [this.conv1, this.bn1, new nn.ReLU()]
    return new nn.Sequential(...start, new Join(outer), this.conv4, new nn.ReLU(), this.head)
  }
}

class AttentionNet extends TwoWayNet {
  norm1 = new HandNorm(8)
  attention = new Attention(8, 2)
  norm2 = new HandNorm(8)
  hidden = new nn.Linear(8, 12)
  out = new nn.Linear(12, 8)
  fc = new nn.Linear(8, 4)

  override forward(x: Tensor): Tensor {
    const y = x.add(this.attention.forward(this.norm1.forward(x)))
    const z = y.add(this.out.forward(this.hidden.forward(this.norm2.forward(y)).relu()))
    return this.fc.forward(z.mean({ dim: 1 }))
  }

  override sequential(): nn.Module {
    const first = new Residual(new nn.Sequential(this.norm1, this.attention))
    const second = new Residual(new nn.Sequential(this.norm2, this.hidden, new nn.ReLU(), this.out))
    return new nn.Sequential(first, second, new Apply((x) => x.mean({ dim: 1 })), this.fc)
  }
}

class SqueezeExcite extends TwoWayNet {
  conv1 = conv(3, 6)
  bn1 = new nn.BatchNorm2d(6)
  squeeze1 = new nn.Conv2d(6, 2, 1)
  excite1 = new nn.Conv2d(2, 6, 1)
  conv2 = new nn.Conv2d(6, 6, 3, { stride: 2, padding: 1 })
  shortcut = new nn.Conv2d(6, 6, 1, { stride: 2 })
  squeeze2 = new nn.Linear(6, 3)
  excite2 = new nn.Linear(3, 6)
  fc = new nn.Linear(6, 4)

  override forward(x: Tensor): Tensor {
    const y = this.bn1.forward(this.conv1.forward(x))
    const scale1 = this.excite1.forward(this.squeeze1.forward(pixelMeanKept(y)).relu()).sigmoid()
    const z = y.mul(scale1).relu()
    const branch = this.conv2.forward(z)
    const scale2 = this.excite2.forward(this.squeeze2.forward(pixelMean(branch)).relu()).sigmoid()
    return this.fc.forward(pixelMean(branch.mul(asChannels(scale2)).add(this.shortcut.forward(z))))
  }

  override sequential(): nn.Module {
    const sigmoid = new Apply((x) => x.sigmoid())
    const kept = new Apply(pixelMeanKept)
    const gate1 = new Gate(new nn.Sequential(kept, this.squeeze1, new nn.ReLU(), this.excite1, sigmoid))
    const means = [new Apply(pixelMean), this.squeeze2, new nn.ReLU(), this.excite2]
    const gate2 = new Gate(new nn.Sequential(...means, sigmoid, new Apply(asChannels)))
    const block = new Residual(new nn.Sequential(this.conv2, gate2), this.shortcut)
    const start = [this.conv1, this.bn1, gate1, new nn.ReLU()]
    return new nn.Sequential(...start, block, new Apply(pixelMean), this.fc)
  }
}

/** bn1 is frozen and in evaluation mode; of bn3 only the parameters are frozen. */
class FrozenNorm extends TwoWayNet {
  conv1 = conv(2, 4)
  bn1 = frozenNorm(4)
  conv2 = conv(4, 5)
  bn2 = new nn.BatchNorm2d(5)
  conv3 = conv(5, 4)
  bn3 = frozenNorm(4)
  fc = new nn.Linear(36, 3)

  override frozen(): nn.Module[] {
    return [this.bn1]
  }

  override forward(x: Tensor): Tensor {
    const y = this.bn1.forward(this.conv1.forward(x)).relu()
    const z = this.bn2.forward(this.conv2.forward(y)).relu()
    return this.fc.forward(maxPool2d(this.bn3.forward(this.conv3.forward(z)).relu(), 2).flatten(1))
  }

  override sequential(): nn.Module {
    const pool = [new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten()]
    const head = new nn.Sequential(this.conv3, this.bn3, ...pool, this.fc)
    const start = [this.conv1, this.bn1, new nn.ReLU(), this.conv2, this.bn2, new nn.ReLU()]
    return new nn.Sequential(...start, head)
  }
}

function frozenNorm(size: number): nn.BatchNorm2d {
  const layer = new nn.BatchNorm2d(size)
  for (const parameter of layer.parameters()) parameter.requiresGrad = false
  return layer
}

/** A convolution and a batch norm are used twice, a Linear three times. */
class SharedLayers extends TwoWayNet {
  stem = conv(3, 4)
  mix = conv(4, 4)
  bn = new nn.BatchNorm2d(4)
  step = new nn.Linear(4, 4)
  fc = new nn.Linear(4, 3)

  override forward(x: Tensor): Tensor {
    let y = this.stem.forward(x)
    for (let i = 0; i < 2; i++) y = this.bn.forward(this.mix.forward(y)).relu()
    let h = pixelMean(y)
    for (let i = 0; i < 3; i++) h = this.step.forward(h).tanh()
    return this.fc.forward(h)
  }

  override sequential(): nn.Module {
    const twice = [this.mix, this.bn, new nn.ReLU()]
    const tanh = new Apply((x) => x.tanh())
    const thrice = [this.step, tanh, this.step, tanh, this.step, tanh]
    return new nn.Sequential(this.stem, ...twice, ...twice, new Apply(pixelMean), ...thrice, this.fc)
  }
}

/** Its three batches have 5, 7 and 17 samples. */
class OddBatches extends TwoWayNet {
  conv1 = conv(1, 3)
  bn1 = new nn.BatchNorm2d(3)
  conv2 = conv(3, 3)
  conv3 = new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1 })
  bn3 = new nn.BatchNorm2d(8)
  hidden = new nn.Linear(16, 6)
  bn4 = new nn.BatchNorm1d(6)
  fc = new nn.Linear(6, 4)

  override forward(x: Tensor): Tensor {
    const y = maxPool2d(this.bn1.forward(this.conv1.forward(x)).relu(), 3, { stride: 2, padding: 1 })
    const z = this.conv3.forward(y.add(this.conv2.forward(y)))
    const pooled = maxPool2d(this.bn3.forward(z).relu(), 2, { stride: 1 })
    return this.fc.forward(this.bn4.forward(this.hidden.forward(pooled.flatten(1))).relu())
  }

  override sequential(): nn.Module {
    const first = [this.conv1, this.bn1, new nn.ReLU(), new nn.MaxPool2d(3, { stride: 2, padding: 1 })]
    const second = [this.conv3, this.bn3, new nn.ReLU(), new nn.MaxPool2d(2, { stride: 1 })]
    const rest = [new nn.Flatten(), this.hidden, this.bn4, new nn.ReLU(), this.fc]
    return new nn.Sequential(...first, new Residual(this.conv2), ...second, ...rest)
  }
}

/** By the names that the fixture has. */
export const NETS: Readonly<Record<string, () => TwoWayNet>> = {
  PreResNet: () => new PreResNet(),
  DenseNet: () => new DenseNet(),
  UNet: () => new UNet(),
  AttentionNet: () => new AttentionNet(),
  SqueezeExcite: () => new SqueezeExcite(),
  FrozenNorm: () => new FrozenNorm(),
  SharedLayers: () => new SharedLayers(),
  OddBatches: () => new OddBatches(),
}
