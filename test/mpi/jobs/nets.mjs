// The nets and batches of the jobs: the same in all ranks.
import { autograd, cat, data, nn } from 'simdgrad'
import { ResNet } from '../../../examples/nets/resnet20.mjs'

/** @import { Tensor } from 'simdgrad' */

/** ResNet's basic block with SiLU, which has no corner, in the place of ReLU. */
class SmoothBlock extends nn.Module {
  /** @param {number} from @param {number} to @param {number} stride */
  constructor(from, to, stride) {
    super()
    this.first = new nn.Sequential(
      new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false }),
      ...[new nn.BatchNorm2d(to), new nn.SiLU(), new nn.Conv2d(to, to, 3, { padding: 1, bias: false })],
      new nn.BatchNorm2d(to),
    )
    this.shortcut =
      stride === 1
        ? new nn.Identity()
        : new nn.Sequential(new nn.Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to))
  }

  /** @override @param {Tensor} x */
  forward(x) {
    return this.first.forward(x).add(this.shortcut.forward(x)).silu()
  }
}

function smoothResNet() {
  const blocks = [16, 32, 64].flatMap((to, stage) =>
    [0, 1, 2].map(
      (i) => new SmoothBlock(i === 0 && stage > 0 ? to / 2 : to, to, i === 0 && stage > 0 ? 2 : 1),
    ),
  )
  const begin = [new nn.Conv2d(3, 16, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(16), new nn.SiLU()]
  const end = [new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(64, 10)]
  return new nn.Sequential(...begin, ...blocks, ...end)
}

/** ReLU by hand. */
class Positive extends autograd.Function {
  /** @param {autograd.FunctionContext} context @param {Tensor} x */
  static forward(context, x) {
    context.saveForBackward(x)
    return x.relu()
  }

  /** @param {autograd.FunctionContext} context @param {Tensor[]} gradients */
  static backward(context, ...[dy]) {
    const [x] = context.savedTensors
    return dy.mul(x.gt(0))
  }
}

/** Rows of an image as a sequence: attention, a recurrent layer, dropout, and an operation of one's own. */
class Rows extends nn.Module {
  encode = new nn.TransformerEncoderLayer(28, 4, { dimFeedforward: 16, dropout: 0.1, batchFirst: true })
  states = new nn.GRU(28, 12, { batchFirst: true })
  drop = new nn.Dropout(0.3)
  last = new nn.Linear(12, 10)

  /** @override @param {Tensor} x */
  forward(x) {
    const [states] = this.states.forward(this.encode.forward(x.flatten(1, 2)))
    return this.last.forward(this.drop.forward(Positive.apply(states.mean({ dim: 1 }))))
  }
}

/** @type {Record<string, () => nn.Module>} */
export const NETS = {
  'cnn-bn': () =>
    new nn.Sequential(
      ...[new nn.Conv2d(1, 6, 3, { padding: 1 }), new nn.BatchNorm2d(6), new nn.ReLU(), new nn.MaxPool2d(2)],
      ...[new nn.Conv2d(6, 16, 5), new nn.BatchNorm2d(16), new nn.ReLU(), new nn.MaxPool2d(2)],
      ...[new nn.Flatten(), new nn.Linear(400, 10)],
    ),
  mlp: () =>
    new nn.Sequential(
      ...[
        new nn.Flatten(),
        new nn.Linear(784, 32),
        new nn.BatchNorm1d(32),
        new nn.ReLU(),
        new nn.Linear(32, 10),
      ],
    ),
  rows: () => new Rows(),
  'mlp-dropout': () =>
    new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 32), new nn.Dropout(0.4), new nn.Linear(32, 10)),
  'resnet-20': () => new ResNet(),
  'resnet-20-silu': smoothResNet,
}

/** MNIST as the net takes it. @param {string} net */
export async function digits(net) {
  if (!net.startsWith('resnet-20')) return (await data.mnist()).train
  const { train } = await data.mnist({
    transform: (x) => {
      const padded = nn.functional.pad(x.sub(0.5).mul(2), [2, 2, 2, 2], { value: -1 })
      return cat([padded, padded, padded], 1)
    },
  })
  return train
}
