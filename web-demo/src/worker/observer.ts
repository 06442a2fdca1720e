/** What a point of the curves shows of both nets. */
import type { Both, Look, Point } from '../protocol.js'
import type { Settings } from '../settings.js'
import type { Batch, DigitStream } from './digits.js'
import { look } from './inspect.js'
import { Exam } from './judge.js'
import type { Trainee } from './trainee.js'

/** Test digits whose way through the layers is looked at: a convolution costs more. */
const PROBED = { mlp: 100, conv: 32 }
/** Points lie further and further apart, as on the curves' logarithmic axis. */
const SPACING = { mlp: 1.04, conv: 1.1 }
/** With the other norms beside it each point costs twice as much. */
const COMPARED = 1.1

export class Observer {
  #exam: Exam | undefined
  #probe: Batch | undefined
  #nextPoint = 1

  constructor(readonly stream: DigitStream) {}

  /** Whether a point is due at this step. */
  due(step: number): boolean {
    return step >= this.#nextPoint
  }

  /** The point of a step. @param whole whether all of the judged digits are judged anew, and not a part of them */
  point(
    trainees: Both<Trainee>,
    others: readonly Trainee[],
    step: number,
    settings: Settings,
    whole: boolean,
    more: Pick<Point, 'running' | 'held'>,
  ): Point {
    this.#nextPoint = Math.max(
      step + 1,
      Math.ceil(step * (others.length > 0 ? COMPARED : SPACING[settings.net])),
    )
    const { norm, plain } = trainees
    const exam = this.#examFor(settings)
    const { x } = this.#probeFor(settings)
    const compared = others.map(({ net }) => net)
    const marks = exam.mark({ norm: norm.net, plain: plain.net }, compared, whole)
    const plainLook = look(plain.net, x, true)
    const looks = (training: boolean): Both<Look> => ({ norm: look(norm.net, x, training), plain: plainLook })
    return {
      step,
      judged: settings.evaluation,
      loss: { norm: norm.takeLoss(), plain: plain.takeLoss() },
      accuracy: marks.accuracy,
      training: marks.training,
      others: others.map((other, i) => ({
        norm: other.norm ?? 'batch',
        loss: other.takeLoss(),
        accuracy: marks.others[i],
      })),
      looks: { training: looks(true), evaluation: looks(false) },
      ...more,
    }
  }

  /** The nets are new. */
  reset(): void {
    this.#nextPoint = 1
    this.#exam?.forget()
    this.#probe?.x.dispose()
    this.#probe?.y.dispose()
    this.#probe = undefined
  }

  #examFor(settings: Settings): Exam {
    if (this.#exam?.fits(settings)) return this.#exam
    this.#exam?.dispose()
    this.#exam = new Exam(this.stream.test, settings)
    return this.#exam
  }

  #probeFor({ net }: Settings): Batch {
    this.#probe ??= this.stream.test.batch(Array.from({ length: PROBED[net] }, (_, i) => i))
    return this.#probe
  }

  /** Accuracies on all of the judged digits, in evaluation mode. */
  judge({ norm, plain }: Both<Trainee>, others: readonly Trainee[], settings: Settings): Both<number> {
    const compared = others.map(({ net }) => net)
    return this.#examFor(settings).mark({ norm: norm.net, plain: plain.net }, compared, true).accuracy
  }
}
