/**
 * The errors that simdgrad throws. Each says what was wrong, where, what was expected and what to
 * do, and is thrown before anything is changed.
 */

/** What every error of simdgrad is an instance of; `name` tells the kind. */
export class SimdgradError extends Error {
  /** The kind of error. */
  override name = 'SimdgradError'

  /**
   * @param message what was wrong, where, and what to do
   * @param options `{ cause }`, as of Error
   */
  // biome-ignore lint/complexity/noUselessConstructor: it says what it takes
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

/** Shapes that do not fit together, or a shape that an operation or layer can't take. */
export class ShapeError extends SimdgradError {
  /** The kind of error. */
  override name = 'ShapeError'
}

/** An argument or option that is out of range, unknown or of the wrong type. */
export class ArgumentError extends SimdgradError {
  /** The kind of error. */
  override name = 'ArgumentError'
}

/** A tensor used after `dispose()`. */
export class DisposedError extends SimdgradError {
  /** The kind of error. */
  override name = 'DisposedError'
}

/** `backward()` where there is no graph, or no longer one, or one whose values were changed since. */
export class AutogradError extends SimdgradError {
  /** The kind of error. */
  override name = 'AutogradError'
}

/** Why there is no backend, for programs; the message says it in words. */
export type InitErrorCode =
  | 'not-initialised'
  | 'other-options'
  | 'no-simd'
  | 'unreachable'
  | 'http-status'
  | 'html'
  | 'not-wasm'
  | 'damaged'
  | 'csp'
  | 'invalid-url'
  | 'out-of-memory'
  | 'needs-shared-memory'
  | 'core-binary'

/** `init` not called, called again with other options, or no binary that could be had and that this runtime takes. */
export class InitError extends SimdgradError {
  /** The kind of error. */
  override name = 'InitError'

  /**
   * @param message what was wrong, where, and what to do
   * @param code the same for programs
   * @param options `{ cause }`, as of Error
   */
  constructor(
    message: string,
    readonly code: InitErrorCode,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/**
 * A worker of the thread team trapped, or is gone; or a kernel failed, which is a fault of simdgrad's. The work at
 * hand was given up: what was written in place (a parameter in an optimiser's step) may be half-written. What runs
 * afterwards computes right, on one thread where the team is gone; `await init()` with the same options starts a new
 * team.
 */
export class WorkerError extends SimdgradError {
  /** The kind of error. */
  override name = 'WorkerError'
}

/** More memory than the runtime gives. */
export class OutOfMemoryError extends SimdgradError {
  /** The kind of error. */
  override name = 'OutOfMemoryError'
}

/** A file or byte sequence that is not what it should be: IDX, gzip, safetensors. */
export class DataError extends SimdgradError {
  /** The kind of error. */
  override name = 'DataError'
}

/** A state dict that does not fit the module, optimiser or scheduler: missing, unexpected or misshapen entries. */
export class StateDictError extends SimdgradError {
  /** The kind of error. */
  override name = 'StateDictError'
}

/**
 * A loss that is NaN or infinite: training stops at the step that the message names. Or such a norm of gradients, where
 * clipGradNorm_ was asked to throw.
 */
export class NumericError extends SimdgradError {
  /** The kind of error. */
  override name = 'NumericError'
}
