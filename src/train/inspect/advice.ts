/** What is wrong, in words that a student understands, each with its figures. */
import {
  classDrift,
  deadChannels,
  drift,
  evaluationMode,
  extraForwards,
  frozenShift,
  inputScale,
  stalledAverage,
} from './causes.js'
import { biasedVariance, dataSorted, momenta, statisticsInGraph, tinyBatches } from './causes-of-training.js'
import type { Cause, Evidence, Look } from './evidence.js'
import type { Advice } from './types.js'

/** In the order in which they are looked for: what is certain first, then what explains what is left. */
const LOOKS: readonly Look[] = [
  statisticsInGraph,
  extraForwards,
  momenta,
  biasedVariance,
  evaluationMode,
  frozenShift,
  dataSorted,
  classDrift,
  tinyBatches,
  stalledAverage,
  inputScale,
  drift,
  deadChannels,
]

/** The advice, in the order of the table of causes; none for a healthy net. */
export function adviceFor(evidence: Evidence): Advice[] {
  const found: Cause[] = []
  let left = evidence.layers
  for (const look of LOOKS) {
    for (const cause of look(evidence, left)) {
      found.push(cause)
      const explained = cause.explains ? cause.witnesses : []
      left = cause.explainsAll ? [] : left.filter((witness) => !explained.includes(witness))
    }
  }
  return found.map(({ code, witnesses, text }) => ({
    code,
    layers: witnesses.map(({ report: { path } }) => path),
    text,
  }))
}
