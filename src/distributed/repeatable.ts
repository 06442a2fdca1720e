/**
 * A compiled step that meets what it was not recorded for (a label to be ignored, say) is taken back, and runs as it is.
 * What it has told the other ranks until then can't be: they do not know of it, and go on. So what they have answered is
 * kept while a step is replayed, and when it runs again, it gets the same answers without asking.
 */
import { marks } from '../bindings/program.js'
import { currentStep } from '../bindings/steps.js'
import type { Buffer, Communicator } from './communicator.js'
import { MPIError } from './errors.js'

/** What a call has left in its buffer. */
interface Answer {
  values: Buffer
}

/** The same calls, of which none is made twice for one step. */
export function repeatable(to: Communicator): Communicator {
  /** Of the replay at hand. */
  let answers: Answer[] = []
  /** Of a replay that was taken back: the step runs again. */
  let repeated: Answer[] = []
  /** Calls that are under way. */
  const waiting = new Set<() => void>()
  let replay = Number.NaN
  marks.push(() => {
    answers = []
    repeated = []
    replay = currentStep()
    return () => {
      // (Each leaves the set.)
      for (const wait of waiting) wait()
      repeated = answers
      answers = []
      replay = Number.NaN
    }
  })
  /** Whether the buffer has its answer now. */
  const isRepeated = (buffer: Buffer): boolean => {
    const known = repeated.shift()
    if (!known) return false
    if (known.values.length !== buffer.length) {
      throw new MPIError(
        'a compiled step that ran again told the other ranks something else than before; it has to do the same each time, as compile says',
        'ranks-differ',
      )
    }
    buffer.set(known.values as never)
    return true
  }
  const keep = (buffer: Buffer): Answer | undefined => {
    // A replay ends with its step.
    if (currentStep() !== replay) return undefined
    const answer = { values: buffer.slice() }
    answers.push(answer)
    return answer
  }
  const once = (buffer: Buffer, call: () => void) => {
    if (isRepeated(buffer)) return
    call()
    keep(buffer)
  }
  return {
    ...to,
    allreduce: (buffer, operator) => once(buffer, () => to.allreduce(buffer, operator)),
    allgather: (own, all) => once(all, () => to.allgather(own, all)),
    allgatherInPlace: (all, counts) => once(all, () => to.allgatherInPlace(all, counts)),
    broadcast: (buffer, root) => once(buffer, () => to.broadcast(buffer, root)),
    barrier: () => once(new Uint8Array(), () => to.barrier()),
    note: (values) => once(values, () => undefined),
    iallreduce(bufferNow, operator) {
      const buffer = bufferNow()
      if (isRepeated(buffer)) return { wait() {} }
      const request = to.iallreduce(bufferNow, operator)
      const answer = keep(buffer)
      if (!answer) return request
      let waits = true
      const wait = () => {
        waiting.delete(wait)
        if (waits) request.wait()
        if (waits) answer.values = bufferNow().slice()
        waits = false
      }
      waiting.add(wait)
      return { wait }
    },
  }
}
