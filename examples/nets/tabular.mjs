import { nn } from 'simdgrad'

/**
 * A classifier of two classes for tables: one logit for each row, to be trained with BCEWithLogitsLoss.
 *
 * @param {number} columns
 * @param {{ width?: number, dropout?: number }} options
 */
export function tabularNet(columns, { width = 32, dropout = 0.1 } = {}) {
  return new nn.Sequential(
    new nn.Linear(columns, width),
    new nn.BatchNorm1d(width),
    new nn.SiLU(),
    new nn.Dropout(dropout),
    new nn.Linear(width, width),
    new nn.LayerNorm(width),
    new nn.SiLU(),
    new nn.Linear(width, 1),
  )
}
