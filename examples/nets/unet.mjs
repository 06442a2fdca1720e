import { cat, nn } from 'simdgrad'

/** @import { Tensor } from 'simdgrad' */

/** @param {number} from @param {number} to */
const twice = (from, to) =>
  new nn.Sequential(
    new nn.Conv2d(from, to, 3, { padding: 1 }),
    new nn.GroupNorm(2, to),
    new nn.ReLU(),
    new nn.Conv2d(to, to, 3, { padding: 1 }),
    new nn.GroupNorm(2, to),
    new nn.ReLU(),
  )

/** A small U-Net (Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597): down twice, up twice, with skips. */
export class UNet extends nn.Module {
  /** @param {{ channels?: number, width?: number, classes?: number }} options */
  constructor({ channels = 1, width = 8, classes = 2 } = {}) {
    super()
    this.down1 = twice(channels, width)
    this.down2 = twice(width, 2 * width)
    this.bottom = twice(2 * width, 4 * width)
    this.pool = new nn.MaxPool2d(2)
    this.widen2 = new nn.ConvTranspose2d(4 * width, 2 * width, 2, { stride: 2 })
    this.up2 = twice(4 * width, 2 * width)
    this.grow = new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' })
    this.up1 = twice(3 * width, width)
    this.head = new nn.Conv2d(width, classes, 1)
  }

  /**
   * @override
   * @param {Tensor} x [N, channels, H, W], H and W multiples of 4
   * @returns [N, classes, H, W], logits of each pixel's class
   */
  forward(x) {
    const first = this.down1.forward(x)
    const second = this.down2.forward(this.pool.forward(first))
    const bottom = this.bottom.forward(this.pool.forward(second))
    const up2 = this.up2.forward(cat([this.widen2.forward(bottom), second], 1))
    return this.head.forward(this.up1.forward(cat([this.grow.forward(up2), first], 1)))
  }
}
