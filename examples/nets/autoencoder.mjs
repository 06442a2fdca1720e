import { nn } from 'simdgrad'

/** @import { Tensor } from 'simdgrad' */

/** Squeezes an image of 28 × 28 into a few numbers, and paints it again from them. */
export class Autoencoder extends nn.Module {
  /** @param {{ code?: number, width?: number }} options */
  constructor({ code = 16, width = 8 } = {}) {
    super()
    this.encoder = new nn.Sequential(
      new nn.Conv2d(1, width, 3, { stride: 2, padding: 1 }),
      new nn.ReLU(),
      new nn.Conv2d(width, 2 * width, 3, { stride: 2, padding: 1 }),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(2 * width * 49, code),
    )
    this.width = 2 * width
    this.widen = new nn.Linear(code, this.width * 49)
    this.decoder = new nn.Sequential(
      new nn.ConvTranspose2d(2 * width, width, 3, { stride: 2, padding: 1, outputPadding: 1 }),
      new nn.ReLU(),
      new nn.ConvTranspose2d(width, 1, 3, { stride: 2, padding: 1, outputPadding: 1 }),
    )
  }

  /**
   * @override
   * @param {Tensor} x [N, 1, 28, 28]
   * @returns [N, 1, 28, 28], logits of how bright each pixel is
   */
  forward(x) {
    const wide = this.widen.forward(this.encoder.forward(x)).relu()
    return this.decoder.forward(wide.reshape([x.shape[0], this.width, 7, 7]))
  }
}
