/** What a step would do: the gradient of each layer, and the loss along it. */
import { nn, noGrad, type Tensor } from 'simdgrad'
import { RATES } from '../protocol.js'
import type { Batch } from './digits.js'
import { logitsInTraining } from './inspect.js'
import { isWeighted } from './nets.js'

const loss = new nn.CrossEntropyLoss()

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))

/** Gradients of `net` on a batch, as training mode has them; `use` reads them. No statistics move, none are left. */
export function withGradients<T>(net: nn.Sequential, { x, y }: Batch, use: (value: number) => T): T {
  net.zeroGrad()
  const value = loss.forward(logitsInTraining(net, x), y)
  value.backward()
  const result = use(value.item())
  net.zeroGrad()
  return result
}

/** The size of each layer's gradient, and the loss after a plain step of each of RATES. The net is put back. */
export function slopeOf(net: nn.Sequential, batch: Batch): { gradients: Float32Array; losses: Float32Array } {
  return withGradients(net, batch, () => {
    const gradients = Float32Array.from(net.modules.filter(isWeighted), ({ weight }) =>
      weight.grad ? norm(weight.grad.toFloat32Array()) : 0,
    )
    const moved = net
      .parameters()
      .map((parameter) => ({ parameter, start: parameter.detach().clone(), gradient: parameter.grad }))
    const at = (rate: number) =>
      noGrad(() => {
        for (const { parameter, start, gradient } of moved) {
          if (gradient) parameter.copy_(start.sub(gradient.mul(rate)))
        }
        return loss.forward(logitsInTraining(net, batch.x), batch.y).item()
      })
    const losses = Float32Array.from(RATES, at)
    noGrad(() => {
      for (const { parameter, start } of moved) parameter.copy_(start)
    })
    for (const { start } of moved) disposed(start)
    return { gradients, losses }
  })
}

const disposed = (tensor: Tensor) => tensor.dispose()
