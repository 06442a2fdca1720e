// The nets and batches of the jobs: the same in all ranks.
import { cat, data, nn } from 'simdgrad'
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
