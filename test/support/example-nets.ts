/** The nets of examples/nets by the names that the fixtures have for them, without dropout. */
import type { nn } from 'simdgrad'
import { Autoencoder } from '../../examples/nets/autoencoder.mjs'
import { CharGPT } from '../../examples/nets/char-gpt.mjs'
import { MobileNet } from '../../examples/nets/mobilenet.mjs'
import { ResNet } from '../../examples/nets/resnet20.mjs'
import { SensorGRU } from '../../examples/nets/sensor-gru.mjs'
import { tabularNet } from '../../examples/nets/tabular.mjs'
import { UNet } from '../../examples/nets/unet.mjs'

export const EXAMPLE_NETS: Record<string, (options: Record<string, number>) => nn.Module> = {
  resnet20: (options) => new ResNet(options),
  mobilenet: (options) => new MobileNet({ ...options, dropout: 0 }),
  'char-gpt': (options) => new CharGPT({ vocabulary: 0, ...options }),
  'sensor-gru': (options) => new SensorGRU(options),
  tabular: ({ columns, width }) => tabularNet(columns, { width, dropout: 0 }),
  autoencoder: (options) => new Autoencoder(options),
  unet: (options) => new UNet(options),
}
