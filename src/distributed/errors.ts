/** What goes wrong between processes. */
import { SimdgradError } from '../errors.js'

/** Why there is no world of several processes, or no longer, for programs; the message says it in words. */
export type MPIErrorCode =
  | 'no-koffi'
  | 'no-library'
  | 'other-make'
  | 'no-launcher'
  | 'other-size'
  | 'call-failed'
  | 'ranks-differ'
  | 'finalized'

/** MPI can't be had, or a call of it failed, or the ranks do not do the same. */
export class MPIError extends SimdgradError {
  /** The kind of error. */
  override name = 'MPIError'

  /**
   * @param message what was wrong, where, and what to do
   * @param code the same for programs
   * @param options `{ cause }`, as of Error
   */
  constructor(
    message: string,
    readonly code: MPIErrorCode,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
