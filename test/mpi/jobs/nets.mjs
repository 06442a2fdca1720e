// The nets and batches of the jobs: the same in all ranks.
import { cat, data, nn, Tensor } from 'simdgrad'
import { ResNet } from '../../../examples/nets/resnet20.mjs'

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
  // Without corners: every ReLU of this process is a SiLU.
  'resnet-20-silu': () => {
    Object.defineProperty(Tensor.prototype, 'relu', { value: Tensor.prototype.silu })
    return new ResNet()
  },
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
