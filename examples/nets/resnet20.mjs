import { nn } from 'simdgrad'

/** @import { Tensor } from 'simdgrad' */

/** @param {number} from @param {number} to @param {number} stride */
const conv3x3 = (from, to, stride = 1) => new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false })

/** Two convolutions beside a shortcut: the basic block of He et al., 2015 (https://arxiv.org/abs/1512.03385). */
class BasicBlock extends nn.Module {
  /** @param {number} from @param {number} to @param {number} stride */
  constructor(from, to, stride) {
    super()
    this.conv1 = conv3x3(from, to, stride)
    this.bn1 = new nn.BatchNorm2d(to)
    this.conv2 = conv3x3(to, to)
    this.bn2 = new nn.BatchNorm2d(to)
    this.shortcut =
      stride === 1 && from === to
        ? new nn.Identity()
        : new nn.Sequential(new nn.Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to))
  }

  /**
   * @override
   * @param {Tensor} x [N, from, H, W]
   */
  forward(x) {
    const y = this.bn1.forward(this.conv1.forward(x)).relu()
    return this.bn2.forward(this.conv2.forward(y)).add(this.shortcut.forward(x)).relu()
  }
}

/**
 * The ResNet for CIFAR-10 of He et al., 2015, section 4.2: 6n + 2 layers, with projections as shortcuts.
 *
 * With width 16 and 3 blocks a stage it is ResNet-20, of 0.27 million parameters.
 */
export class ResNet extends nn.Module {
  /** @param {{ width?: number, blocks?: number, channels?: number, classes?: number }} options */
  constructor({ width = 16, blocks = 3, channels = 3, classes = 10 } = {}) {
    super()
    this.conv1 = conv3x3(channels, width)
    this.bn1 = new nn.BatchNorm2d(width)
    /** @param {number} from @param {number} to @param {number} stride */
    const stage = (from, to, stride) =>
      new nn.Sequential(
        ...Array.from({ length: blocks }, (_, i) => new BasicBlock(i ? to : from, to, i ? 1 : stride)),
      )
    this.layer1 = stage(width, width, 1)
    this.layer2 = stage(width, 2 * width, 2)
    this.layer3 = stage(2 * width, 4 * width, 2)
    this.fc = new nn.Linear(4 * width, classes)
  }

  /**
   * @override
   * @param {Tensor} x [N, channels, H, W]
   */
  forward(x) {
    let y = this.bn1.forward(this.conv1.forward(x)).relu()
    for (const layer of [this.layer1, this.layer2, this.layer3]) y = layer.forward(y)
    return this.fc.forward(y.mean({ dim: [2, 3] }))
  }
}
