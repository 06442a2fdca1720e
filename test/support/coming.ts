/**
 * Public names that tests are of and the sources may not have yet, looked up when they are used: so a test of one that
 * is missing fails, and not the type check of all.
 */

import type { nn } from 'simdgrad'
import * as simdgrad from 'simdgrad'

/** `nn.ModuleList`: https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html */
export interface ModuleList extends nn.Module, Iterable<nn.Module> {
  readonly length: number
  at(index: number): nn.Module | undefined
  append(module: nn.Module): ModuleList
}

/** `new nn.ModuleList(modules)`. */
export function moduleList(modules?: Iterable<nn.Module>): ModuleList {
  const ModuleList: unknown = Reflect.get(simdgrad.nn, 'ModuleList')
  if (typeof ModuleList !== 'function') throw new Error('there is no nn.ModuleList')
  return Reflect.construct(ModuleList, modules === undefined ? [] : [modules]) as ModuleList
}
