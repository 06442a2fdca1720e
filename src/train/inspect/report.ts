/** What an inspection gives: numbers, a table, and a page. */
import { pageOf } from './page.js'
import { tableOf } from './table.js'
import type { Advice, ModeReport, NormReport, ReportContents } from './types.js'

/** What `inspectBatchNorm` gives. */
export class BatchNormReport implements ReportContents {
  /** @internal */
  constructor(
    /** Each batch norm layer, in the net's order. */
    readonly layers: readonly NormReport[],
    /** Loss and accuracy by mode. */
    readonly modes: ModeReport,
    /** The root mean square of what wrong statistics do to the outputs, as a share of the outputs' spread. */
    readonly outputError: number,
    /** What is wrong, the gravest first; empty where nothing is. */
    readonly advice: readonly Advice[],
    /** Samples that it was inspected with. */
    readonly samples: number,
    /** Samples of the data's batches. */
    readonly batchSize: number,
  ) {}

  /** The table, and the advice. */
  toString(): string {
    return tableOf(this)
  }

  /**
   * A page in one file that needs no network and no script: the advice, accuracy by mode, and for each layer running
   * against true statistics, distributions before and after it, gamma and beta.
   *
   * @param title default 'Batch norm, inspected'
   */
  toHTML(title = 'Batch norm, inspected'): string {
    return pageOf(this, title)
  }

  /** What console.log prints in Node, Bun and Deno. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
