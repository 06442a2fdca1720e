/** Comparisons: 1 where they hold, 0 elsewhere, and no gradient. Masks for `where` and `maskedFill`. */
import { BINARY } from '../../bindings/kernels.generated.js'
import { binary } from './arithmetic.js'

/** 1 where `a = b`, else 0; broadcast. https://pytorch.org/docs/stable/generated/torch.eq.html */
export const eq = binary('eq', BINARY.eq)

/** 1 where `a ≠ b`, else 0; broadcast. https://pytorch.org/docs/stable/generated/torch.ne.html */
export const ne = binary('ne', BINARY.ne)

/** 1 where `a < b`, else 0; broadcast. https://pytorch.org/docs/stable/generated/torch.lt.html */
export const lt = binary('lt', BINARY.lt)

/** 1 where `a ≤ b`, else 0; broadcast. https://pytorch.org/docs/stable/generated/torch.le.html */
export const le = binary('le', BINARY.le)

/** 1 where `a > b`, else 0; broadcast. https://pytorch.org/docs/stable/generated/torch.gt.html */
export const gt = binary('gt', BINARY.gt)

/** 1 where `a ≥ b`, else 0; broadcast. https://pytorch.org/docs/stable/generated/torch.ge.html */
export const ge = binary('ge', BINARY.ge)
