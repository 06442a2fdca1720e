import { BINS, RANGE, SIDES, type Side } from '../../protocol.js'
import { nameOf, names } from '../../views/names.js'
import { colour, sharp } from '../../views/theme.js'
import { Figure, type Now, radios, type View } from './figure.js'
import { FONT, short } from './plot.js'

const ROW = 40
const AXIS = 34
const LEFT = 26
const RIGHT = 92

/** Histograms of every layer, one below the other, both nets side by side on one axis. */
export class SignalFigure extends Figure {
  readonly #canvases = {} as Record<Side, HTMLCanvasElement>
  #mode: 'training' | 'evaluation' = 'training'

  constructor(asks: ConstructorParameters<typeof Figure>[0]) {
    super(asks)
    const row = this.row()
    for (const side of SIDES) {
      const box = document.createElement('div')
      const canvas = document.createElement('canvas')
      canvas.setAttribute('role', 'img')
      canvas.setAttribute(
        'aria-label',
        `Histograms of each layer’s activations, ${side === 'norm' ? 'with the norm' : 'plain net'}. What they show now is said below.`,
      )
      // As high as six layers are, until they are drawn: so nothing below it moves.
      canvas.style.height = `${6 * ROW + AXIS}px`
      box.append(nameOf('h3', side), canvas)
      row.append(box)
      this.#canvases[side] = canvas
    }
    const modes = [
      ['training', 'training mode, as the nets run'],
      ['evaluation', 'evaluation mode'],
    ] as const
    this.box.append(
      radios('Seen in', modes, this.#mode, (mode) => {
        this.#mode = mode === 'evaluation' ? 'evaluation' : 'training'
        asks.redraw()
      }),
    )
  }

  protected draw({ points }: View): Now | undefined {
    const point = points.at(-1)
    if (!point) return undefined
    const looks = point.looks[this.#mode]
    for (const side of SIDES) this.later(() => drawRows(this.#canvases[side], looks[side], side))
    const { norm, plain } = looks
    const last = plain.signal.length
    const ratio = plain.signal[last - 1] / plain.signal[0]
    const spread = `${Math.min(...norm.deviation).toFixed(2)} to ${Math.max(...norm.deviation).toFixed(2)}`
    return {
      values: {
        mode: this.#mode,
        plainSignal: [...plain.signal],
        normSignal: [...norm.signal],
        plainDeviation: [...plain.deviation],
        normDeviation: [...norm.deviation],
        normAccuracy: point.accuracy.norm,
        plainAccuracy: point.accuracy.plain,
      },
      words: `Plain: from digit to digit an activation moves by ${short(plain.signal[0])} in layer 1 and by ${short(plain.signal[last - 1])} in layer ${last}, ${short(ratio)} times as far. ${names().norm}: every layer’s activations have a standard deviation of ${spread}. The outline is what goes into the norm.`,
    }
  }
}

type Look = View['points'][number]['looks']['training']['norm']

function drawRows(canvas: HTMLCanvasElement, { before, after, deviation, signal }: Look, side: Side): void {
  const layers = deviation.length
  const height = layers * ROW + AXIS
  canvas.style.height = `${height}px`
  const width = Math.max(120, canvas.clientWidth)
  const context = sharp(canvas, width, height)
  const x = (value: number) => LEFT + ((value + RANGE) / (2 * RANGE)) * (width - LEFT - RIGHT)
  context.font = FONT
  for (let layer = 0; layer < layers; layer++) {
    const ground = (layer + 1) * ROW
    const bars = after.subarray(layer * BINS, (layer + 1) * BINS)
    context.fillStyle = colour(side)
    const bin = (width - LEFT - RIGHT) / BINS
    for (const [i, density] of bars.entries()) {
      const tall = (density / 255) * (ROW - 8)
      context.fillRect(LEFT + i * bin, ground - tall, Math.max(1, bin - 1), tall)
    }
    if (side === 'norm') outline(context, before.subarray(layer * BINS, (layer + 1) * BINS), ground, bin)
    context.strokeStyle = colour('line')
    context.lineWidth = 1
    context.beginPath()
    context.moveTo(LEFT, ground + 0.5)
    context.lineTo(width - RIGHT, ground + 0.5)
    context.stroke()
    context.fillStyle = colour('muted')
    context.textBaseline = 'bottom'
    context.textAlign = 'left'
    context.fillText(String(layer + 1), 6, ground - 4)
    context.fillText(`moves ${short(signal[layer])}`, width - RIGHT + 4, ground - 4)
  }
  context.textAlign = 'center'
  context.textBaseline = 'top'
  for (const tick of [-4, -2, 0, 2, 4]) {
    context.fillText(tick < 0 ? `−${-tick}` : String(tick), x(tick), layers * ROW + 4)
  }
  context.fillText(`activation (layers 1 to ${layers} downwards)`, x(0), layers * ROW + 19)
}

function outline(
  context: CanvasRenderingContext2D,
  densities: Uint8Array,
  ground: number,
  bin: number,
): void {
  context.strokeStyle = colour('text')
  context.lineWidth = 1
  context.beginPath()
  for (const [i, density] of densities.entries()) {
    const y = ground - (density / 255) * (ROW - 8)
    if (i === 0) context.moveTo(LEFT, y)
    else context.lineTo(LEFT + i * bin, y)
    context.lineTo(LEFT + (i + 1) * bin, y)
  }
  context.stroke()
}
