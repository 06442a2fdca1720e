/**
 * Strays: parameters that a net has used and does not have (a module in a private field or a variable is not found by
 * `parameters()`). They would stay untrained in silence; so the optimiser that steps the net's others says it.
 */
import { ArgumentError } from '../errors.js'
import type { Tensor } from './tensor.js'

interface Stray {
  parameter: Tensor
  /** The kind of net that used it. */
  net: string
}

/** What some optimiser steps. */
const owned = new WeakSet<Tensor>()

/** The strays of a net, by each parameter that it has. */
const beside = new WeakMap<Tensor, readonly Stray[]>()

/** Whether there were ever any: mostly there are none, and nothing is looked up. */
let any = false

/** An optimiser steps `parameter`: it is no stray. */
export function own(parameter: Tensor): void {
  owned.add(parameter)
}

/** A net has `known`, and used `strays` too. */
export function noteStrays(net: string, known: Iterable<Tensor>, strays: readonly Tensor[]): void {
  any ||= strays.length > 0
  const all = strays.map((parameter) => ({ parameter, net }))
  for (const parameter of known) beside.set(parameter, all)
}

/** @throws {ArgumentError} for a stray beside one of these, with a gradient that no optimiser will use */
export function checkStrays(optimizer: string, parameters: readonly Tensor[]): void {
  if (!any) return
  for (const one of parameters) {
    for (const { parameter, net } of beside.get(one) ?? []) {
      if (!parameter.ownGradient || owned.has(parameter)) continue
      throw new ArgumentError(
        `${optimizer}: ${net} uses a parameter of shape [${parameter.shape}] that its parameters() does not give, and that would stay untrained; a module in a private #field or a variable is not found: make it a public field`,
      )
    }
  }
}
