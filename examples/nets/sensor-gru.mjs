import { nn } from 'simdgrad'

/** @import { Tensor } from 'simdgrad' */

/** Says what comes next in a series from what came before: a GRU, and a linear layer on its last state. */
export class SensorGRU extends nn.Module {
  /** @param {{ sensors?: number, hidden?: number, layers?: number }} options */
  constructor({ sensors = 2, hidden = 24, layers = 1 } = {}) {
    super()
    this.gru = new nn.GRU(sensors, hidden, { numLayers: layers, batchFirst: true })
    this.head = new nn.Linear(hidden, sensors)
  }

  /**
   * @override
   * @param {Tensor} x [N, T, sensors]
   * @returns [N, sensors], the next values
   */
  forward(x) {
    const [, hidden] = this.gru.forward(x)
    return this.head.forward(hidden.slice(0, -1).squeeze(0))
  }
}
