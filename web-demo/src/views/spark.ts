import { headline, percent } from '../headline.js'
import { type Point, SIDES } from '../protocol.js'
import { names } from './names.js'
import { onResize } from './sight.js'
import { byId, colour, onThemeChange, sharp } from './theme.js'

const LABEL = 34

/** Both accuracies in the bar that is always in sight: the curve on a phone's first screen. */
export class Spark {
  readonly #canvas = byId<HTMLCanvasElement>('spark')
  #points: readonly Point[] = []

  constructor() {
    const again = () => this.show(this.#points)
    onResize(this.#canvas, again)
    onThemeChange(again)
  }

  show(points: readonly Point[]): void {
    this.#points = points
    const canvas = this.#canvas
    const { clientWidth: width, clientHeight: height } = canvas
    if (width === 0) return
    const context = sharp(canvas, width, height)
    context.font = '11px system-ui, sans-serif'
    context.fillStyle = colour('muted')
    context.textAlign = 'right'
    context.textBaseline = 'middle'
    context.strokeStyle = colour('grid')
    const y = (share: number) => 6 + (1 - share) * (height - 12)
    for (const share of [0, 1]) {
      context.fillText(share === 1 ? '100 %' : '0 %', LABEL, y(share))
      context.beginPath()
      context.moveTo(LABEL + 4, y(share))
      context.lineTo(width, y(share))
      context.stroke()
    }
    const shown = points.filter(({ step }) => step > 0)
    const last = shown.at(-1)
    if (!last) return
    const most = Math.log(Math.max(100, last.step))
    const x = (step: number) => LABEL + 4 + (Math.log(step) / most) * (width - LABEL - 6)
    context.lineWidth = 2
    for (const side of SIDES) {
      context.strokeStyle = colour(side)
      context.beginPath()
      for (const [i, point] of shown.entries()) {
        const at = y(headline(point)[side])
        if (i === 0) context.moveTo(x(point.step), at)
        else context.lineTo(x(point.step), at)
      }
      context.stroke()
    }
    const { norm, plain } = headline(last)
    canvas.setAttribute(
      'aria-label',
      `Accuracy of both nets over ${last.step} steps: ${names().norm} ${percent(norm)}, plain ${percent(plain)} now`,
    )
  }
}
