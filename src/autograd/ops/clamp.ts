import { checkOptions } from '../../check.js'
import { ArgumentError } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { checkTensor } from '../arguments.js'
import { type ClampOptions, clamp as clampTo } from './unary-parts.generated.js'

export type { ClampOptions }

/**
 * `x`, no smaller than `min` and no larger than `max`, one of which may be missing; all is `max` where that is the
 * smaller. The gradient passes within the bounds, and on them there is none (PyTorch 2.15). NaN stays.
 * https://pytorch.org/docs/stable/generated/torch.clamp.html
 *
 * @throws {ArgumentError} without a bound, or for one that is no number
 */
export function clamp(x: Tensor, options: ClampOptions): Tensor {
  checkTensor('clamp', 'input', x)
  checkOptions('clamp', options, ['min', 'max'])
  const { min, max } = options
  if (min === undefined && max === undefined) {
    throw new ArgumentError(
      'clamp: expected a bound at least, as clamp({ min: 0 }) or clamp({ min: 0, max: 1 })',
    )
  }
  for (const [name, bound] of [
    ['min', min],
    ['max', max],
  ] as const) {
    if (Number.isNaN(bound)) throw new ArgumentError(`clamp: ${name} is a number, got NaN`)
  }
  return clampTo(x, options)
}
