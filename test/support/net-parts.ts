/** The modules of the whole nets that the library does not have; test/fixtures/net_parts.py has the same. */
import { cat, nn, ones, type Tensor, zeros } from 'simdgrad'

/** A function as a module. */
export class Apply extends nn.Module {
  constructor(readonly compute: (x: Tensor) => Tensor) {
    super()
  }

  override forward(x: Tensor): Tensor {
    return this.compute(x)
  }
}

/** What `inner` makes of x, plus x or what the shortcut makes of it. */
export class Residual extends nn.Module {
  constructor(
    readonly inner: nn.Module,
    readonly shortcut: nn.Module | null = null,
  ) {
    super()
  }

  override forward(x: Tensor): Tensor {
    return this.inner.forward(x).add(this.shortcut ? this.shortcut.forward(x) : x)
  }
}

/** x and what `inner` makes of it, side by side in the channels. */
export class Join extends nn.Module {
  constructor(readonly inner: nn.Module) {
    super()
  }

  override forward(x: Tensor): Tensor {
    return cat([x, this.inner.forward(x)], 1)
  }
}

/** x times what `inner` makes of it, broadcast. */
export class Gate extends nn.Module {
  constructor(readonly inner: nn.Module) {
    super()
  }

  override forward(x: Tensor): Tensor {
    return x.mul(this.inner.forward(x))
  }
}

/** [N, C, H, W] → [N, C] */
export const pixelMean = (x: Tensor): Tensor => x.mean({ dim: [2, 3] })

/** [N, C, H, W] → [N, C, 1, 1] */
export const pixelMeanKept = (x: Tensor): Tensor => x.mean({ dim: [2, 3], keepdim: true })

/** [N, C] → [N, C, 1, 1] */
export const asChannels = (x: Tensor): Tensor => x.reshape([...x.shape, 1, 1])

/** Average pooling by 2 × 2, through a reshape. */
export function halfMean(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape
  return x.reshape([n, c, h / 2, 2, w / 2, 2]).mean({ dim: [3, 5] })
}

/** Each pixel four times, through a product with ones. */
export function twiceByBroadcast(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape
  return x
    .reshape([n, c, h, 1, w, 1])
    .mul(ones([2, 1, 2]))
    .reshape([n, c, 2 * h, 2 * w])
}

/** Each pixel four times, through `cat`. */
export function twiceByCat(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape
  const column = x.reshape([n, c, h, w, 1])
  const wide = cat([column, column], 4).reshape([n, c, h, 1, 2 * w])
  return cat([wide, wide], 3).reshape([n, c, 2 * h, 2 * w])
}

/** Layer normalisation of the last dimension, written by hand. */
export class HandNorm extends nn.Module {
  gain: nn.Parameter
  shift: nn.Parameter

  constructor(size: number) {
    super()
    this.gain = new nn.Parameter(ones([size]))
    this.shift = new nn.Parameter(zeros([size]))
  }

  override forward(x: Tensor): Tensor {
    const centred = x.sub(x.mean({ dim: -1, keepdim: true }))
    const variance = x.var({ dim: -1, keepdim: true, unbiased: false })
    return centred.div(variance.add(1e-5).sqrt()).mul(this.gain).add(this.shift)
  }
}

/** Self-attention of [N, T, D] with several heads, written by hand. */
export class Attention extends nn.Module {
  q: nn.Linear
  k: nn.Linear
  v: nn.Linear
  proj: nn.Linear

  constructor(
    size: number,
    readonly heads: number,
  ) {
    super()
    this.q = new nn.Linear(size, size)
    this.k = new nn.Linear(size, size)
    this.v = new nn.Linear(size, size)
    this.proj = new nn.Linear(size, size)
  }

  override forward(x: Tensor): Tensor {
    const [n, t, d] = x.shape
    const split = (layer: nn.Linear) => layer.forward(x).reshape([n, t, this.heads, -1]).permute([0, 2, 1, 3])
    const [q, k, v] = [split(this.q), split(this.k), split(this.v)]
    const weights = q
      .matmul(k.transpose(2, 3))
      .mul((d / this.heads) ** -0.5)
      .softmax(-1)
    return this.proj.forward(weights.matmul(v).permute([0, 2, 1, 3]).reshape([n, t, d]))
  }
}

/** A pre-activation residual block: batch norm and ReLU come before each convolution, also before the shortcut's. */
export class PreBlock extends nn.Module {
  bn1: nn.BatchNorm2d
  conv1: nn.Conv2d
  bn2: nn.BatchNorm2d
  conv2: nn.Conv2d
  shortcut: nn.Conv2d | null

  constructor(sizeIn: number, sizeOut: number, stride = 1) {
    super()
    this.bn1 = new nn.BatchNorm2d(sizeIn)
    this.conv1 = new nn.Conv2d(sizeIn, sizeOut, 3, { stride, padding: 1, bias: false })
    this.bn2 = new nn.BatchNorm2d(sizeOut)
    this.conv2 = new nn.Conv2d(sizeOut, sizeOut, 3, { padding: 1, bias: false })
    this.shortcut = stride > 1 ? new nn.Conv2d(sizeIn, sizeOut, 1, { stride, bias: false }) : null
  }

  override forward(x: Tensor): Tensor {
    const before = this.bn1.forward(x).relu()
    const after = this.conv2.forward(this.bn2.forward(this.conv1.forward(before)).relu())
    return after.add(this.shortcut ? this.shortcut.forward(before) : x)
  }

  sequential(): nn.Module {
    const branch = new nn.Sequential(this.conv1, this.bn2, new nn.ReLU(), this.conv2)
    return this.shortcut
      ? new nn.Sequential(this.bn1, new nn.ReLU(), new Residual(branch, this.shortcut))
      : new Residual(new nn.Sequential(this.bn1, new nn.ReLU(), branch))
  }
}
