/**
 * Faults to plant: operations that are wrong in one way, made of the library's own public ones, and put in their
 * place by the executor. A gradient is bent with detach: `2·detach(f) − f` has f's value and the opposite slope.
 */
import { nn, Tensor, tensor, zeros } from 'simdgrad'
import { call, type Operations } from './execute.js'

export interface Planted {
  /** How the fault is to be named. */
  readonly kind: RegExp
  /** Only programs that have one of these are tried. */
  readonly needs: readonly string[]
  /** The operations with the fault, new for each program. */
  readonly plant: () => Operations
}

/** The library's own operation. */
const own = (op: string, ...args: unknown[]): Tensor => {
  const y = call(op, false, args)
  if (!(y instanceof Tensor)) throw new Error(`${op} gave no tensor`)
  return y
}

/** `value` in the forward, and the gradient of `slope`. */
const bent = (value: Tensor, slope: Tensor): Tensor => value.detach().sub(slope.detach()).add(slope)

/** What a kernel for rows reads where values lie in lanes of four samples. */
function readAsRows(x: Tensor): Tensor {
  const [n, ...rest] = x.shape
  const size = x.size / n
  const blocks = Math.ceil(n / 4)
  const padded = nn.functional.cat([x.reshape([n, size]), zeros([blocks * 4 - n, size])])
  return padded
    .reshape([blocks, 4, size])
    .permute([0, 2, 1])
    .flatten()
    .slice(0, 0, n * size)
    .reshape([n, ...rest])
}

const isTensor = (x: unknown): x is Tensor => x instanceof Tensor

/** Calls `f` with each tensor that was an operand before. */
function again(op: string, f: (x: Tensor) => Tensor): Operations {
  const seen = new WeakSet<Tensor>()
  return {
    [op]: (a, b) => {
      const operands = [a, b].map((x) => {
        if (!isTensor(x) || !x.requiresGrad) return x
        if (seen.has(x)) return f(x)
        seen.add(x)
        return x
      })
      return own(op, ...operands)
    },
  }
}

export const PLANTED: Readonly<Record<string, Planted>> = {
  'a wrong sign in a gradient': {
    kind: /^gradient$/,
    needs: ['tanh'],
    plant: () => ({
      tanh: (x) => {
        const y = own('tanh', x)
        return bent(y, y.neg())
      },
    }),
  },
  'a factor that is left out of a gradient': {
    kind: /^gradient$/,
    needs: ['mean'],
    plant: () => ({ mean: (x, options = {}) => bent(own('mean', x, options), own('sum', x, options)) }),
  },
  'a gradient that misses the last element': {
    kind: /^gradient$/,
    needs: ['sum'],
    plant: () => ({
      sum: (x, options = {}) => {
        if (!isTensor(x) || x.size < 2) return own('sum', x, options)
        const flat = x.flatten()
        const parts = [flat.slice(0, 0, -1), flat.slice(0, -1).detach()]
        return own('sum', nn.functional.cat(parts).reshape(x.shape), options)
      },
    }),
  },
  'a gradient that forgets the mask of dropout': {
    kind: /^gradient$/,
    needs: ['dropout'],
    plant: () => ({
      dropout: (x, p, training) => {
        const y = own('dropout', x, p, training)
        return isTensor(x) && training && typeof p === 'number' && p > 0 ? bent(y, x) : y
      },
    }),
  },
  'a gradient for a frozen input': {
    kind: /^gradient that nobody asked for$/,
    needs: ['linear', 'conv2d'],
    plant: () => {
      const frozen = new Set<Tensor>()
      const remember =
        (op: string) =>
        (...args: unknown[]) => {
          for (const x of args) if (isTensor(x) && !x.requiresGrad) frozen.add(x)
          return own(op, ...args)
        }
      return {
        linear: remember('linear'),
        conv2d: remember('conv2d'),
        backward: (root, ...cotangent) => {
          if (isTensor(root)) root.backward(...cotangent.filter(isTensor))
          for (const x of frozen) x.grad = tensor(new Float32Array(x.size), { shape: x.shape })
        },
      }
    },
  },
  'no gradient at all': {
    kind: /^requiresGrad$/,
    needs: ['permute'],
    plant: () => ({ permute: (x, order) => own('permute', x, order).detach() }),
  },
  'a missing conversion of layout': {
    kind: /^value of add$/,
    needs: ['conv2d'],
    plant: () => {
      const lanes = new WeakSet<Tensor>()
      const inRows = (x: unknown) => (isTensor(x) && lanes.has(x) && x.size > 0 ? readAsRows(x) : x)
      return {
        conv2d: (...args) => {
          const y = own('conv2d', ...args)
          lanes.add(y)
          return y
        },
        add: (a, b) => own('add', inRows(a), inRows(b)),
      }
    },
  },
  'a freed tensor': {
    kind: /^throws DisposedError$/,
    needs: ['relu'],
    plant: () => ({
      relu: (x) => {
        const y = own('relu', x)
        if (isTensor(x)) x.dispose()
        return y
      },
    }),
  },
  'memory that is used twice': {
    kind: /^value of exp$/,
    needs: ['exp'],
    plant: () => {
      let last: Tensor | undefined
      return {
        exp: (x) => {
          last = own('exp', x)
          return last
        },
        // The second use of the memory comes at the end of a step.
        backward: (root, ...cotangent) => {
          if (isTensor(root)) root.backward(...cotangent.filter(isTensor))
          last?.fill_(0)
        },
      }
    },
  },
  'a shared gradient added twice': {
    kind: /^gradient$/,
    needs: ['mul'],
    plant: () => again('mul', (x) => bent(x, x.mul(2))),
  },
  'a shared gradient added once too few': {
    kind: /^gradient$/,
    needs: ['mul'],
    plant: () => again('mul', (x) => bent(x, x.mul(0))),
  },
  'a running statistic that is not updated': {
    kind: /^value of leaf$/,
    needs: ['batchNorm'],
    plant: () => ({
      batchNorm: (x, options) => {
        const { runningMean, ...rest } = options as { runningMean?: Tensor }
        return own('batchNorm', x, { runningMean: runningMean?.mul(1), ...rest })
      },
    }),
  },
  'an error of a thousandth in one element': {
    kind: /^value of softmax$/,
    needs: ['softmax'],
    plant: () => ({
      softmax: (x, dim) => {
        const y = own('softmax', x, dim)
        if (y.size < 2) return y
        const flat = y.flatten()
        return nn.functional.cat([flat.slice(0, 0, -1), flat.slice(0, -1).mul(1.001)]).reshape(y.shape)
      },
    }),
  },
}
