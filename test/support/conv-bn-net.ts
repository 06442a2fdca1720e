import { nn, type Tensor } from 'simdgrad'

/** The net of the README's example; make_fixtures.py has the same. */
export class ConvBnNet extends nn.Module {
  stage1 = new nn.Sequential(
    new nn.Conv2d(1, 6, 3, { padding: 1 }),
    new nn.BatchNorm2d(6),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
    new nn.Conv2d(6, 16, 5),
    new nn.BatchNorm2d(16),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { stride: 2 }),
  )
  classify = new nn.Linear(400, 10)

  override forward(x: Tensor): Tensor {
    return this.classify.forward(this.stage1.forward(x).flatten(1))
  }
}
