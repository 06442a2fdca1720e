/** The table of the fuzz: every operation by name. test/fuzz/operations.test.ts fails where one has no entry. */
import { elementwise } from './elementwise.js'
import type { Entry, Table } from './entry.js'
import { nets } from './nets.js'
import { norms } from './norms.js'
import { shapes } from './shapes.js'
import { windows } from './windows.js'

export const TABLE: Table = { ...elementwise, ...shapes, ...nets, ...norms, ...windows }

export function entryOf(op: string): Entry | undefined {
  return Object.hasOwn(TABLE, op) ? TABLE[op] : undefined
}
