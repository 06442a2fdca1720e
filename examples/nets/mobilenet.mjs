import { nn } from 'simdgrad'

/** @import { Tensor } from 'simdgrad' */

/**
 * A convolution with batch norm and ReLU6 after it.
 *
 * @param {number} from
 * @param {number} to
 * @param {number} kernel
 * @param {{ stride?: number, groups?: number }} options
 */
export const convBn = (from, to, kernel, { stride = 1, groups = 1 } = {}) =>
  new nn.Sequential(
    new nn.Conv2d(from, to, kernel, { stride, padding: (kernel - 1) / 2, groups, bias: false }),
    new nn.BatchNorm2d(to),
    new nn.ReLU6(),
  )

/** An inverted residual (Sandler et al., 2018, https://arxiv.org/abs/1801.04381): wide, depthwise, narrow. */
export class InvertedResidual extends nn.Module {
  /** @param {number} from @param {number} to @param {number} stride @param {number} expand */
  constructor(from, to, stride, expand) {
    super()
    const wide = from * expand
    this.conv = new nn.Sequential(
      ...(expand === 1 ? [] : [convBn(from, wide, 1)]),
      convBn(wide, wide, 3, { stride, groups: wide }),
      new nn.Conv2d(wide, to, 1, { bias: false }),
      new nn.BatchNorm2d(to),
    )
    this.residual = stride === 1 && from === to
  }

  /**
   * @override
   * @param {Tensor} x [N, from, H, W]
   */
  forward(x) {
    const y = this.conv.forward(x)
    return this.residual ? x.add(y) : y
  }
}

/** A small MobileNetV2 for images of one channel. */
export class MobileNet extends nn.Module {
  /** @param {{ width?: number, classes?: number, dropout?: number }} options */
  constructor({ width = 8, classes = 10, dropout = 0.2 } = {}) {
    super()
    this.features = new nn.Sequential(
      convBn(1, width, 3, { stride: 2 }),
      new InvertedResidual(width, width, 1, 1),
      new InvertedResidual(width, 2 * width, 2, 4),
      new InvertedResidual(2 * width, 2 * width, 1, 4),
      new InvertedResidual(2 * width, 4 * width, 2, 4),
      convBn(4 * width, 8 * width, 1),
    )
    this.classifier = new nn.Sequential(new nn.Dropout(dropout), new nn.Linear(8 * width, classes))
  }

  /**
   * @override
   * @param {Tensor} x [N, 1, H, W]
   */
  forward(x) {
    return this.classifier.forward(this.features.forward(x).mean({ dim: [2, 3] }))
  }
}
