import { sharp } from '../../views/theme.js'
import { ChannelChoice } from './channel-choice.js'
import { type Asks, Figure, mean, type Now, type View } from './figure.js'
import { Plot, percent, short, span, ticksOf } from './plot.js'
import { drawAxis, drawStrip, moments } from './strips.js'

const STRIP = 62
const HEIGHT = 3 * STRIP + 40

/** γ and β of a layer's channels, and one channel with a γ and a β of the visitor's own. */
export class FreedomFigure extends Figure {
  override readonly wants = { numbers: true } as const
  readonly #canvas: HTMLCanvasElement
  readonly #all: HTMLCanvasElement
  readonly #choice: ChannelChoice
  readonly #gamma = slider('γ, the scale', -1, 4)
  readonly #beta = slider('β, the shift', -4, 4)
  /** The visitor's own; undefined: as learnt. */
  #own: { gamma: number; beta: number } | undefined
  #undo: { gamma: number; beta: number } | undefined

  constructor(asks: Asks) {
    super(asks)
    const row = this.row()
    this.#canvas = this.panel(row, 'One channel', HEIGHT)
    this.#all = this.panel(row, 'γ and β of every channel of the layer', HEIGHT)
    row.classList.add('wide-first')
    this.#choice = new ChannelChoice((chosen) => {
      this.#own = undefined
      asks.wants(chosen)
    })
    const button = (id: string, words: string, act: () => void) => {
      const made = document.createElement('button')
      made.type = 'button'
      made.id = id
      made.textContent = words
      made.addEventListener('click', () => {
        act()
        asks.redraw()
      })
      return made
    }
    const moved = () => {
      this.#own = { gamma: this.#gamma.input.valueAsNumber, beta: this.#beta.input.valueAsNumber }
      asks.redraw()
    }
    this.#gamma.input.addEventListener('input', moved)
    this.#beta.input.addEventListener('input', moved)
    const tools = document.createElement('div')
    tools.className = 'tools'
    tools.append(
      this.#gamma.box,
      this.#beta.box,
      button('undo-norm', 'Undo the norm: γ = σ, β = μ', () => {
        this.#own = this.#undo
      }),
      button('as-learnt', 'As learnt', () => {
        this.#own = undefined
      }),
    )
    this.box.append(tools, this.#choice.box)
  }

  protected draw(view: View): Now | undefined {
    this.#choice.show(view)
    const { numbers, statistics } = view
    if (!numbers || !statistics) return undefined
    const x = [...numbers.x]
    const came = moments(x)
    const below = Math.sqrt(came.variance + numbers.eps)
    this.#undo = { gamma: below, beta: came.mean }
    const { gamma, beta } = this.#own ?? numbers
    const normalised = x.map((value) => (value - came.mean) / below)
    const y = normalised.map((value) => gamma * value + beta)
    this.#gamma.show(gamma)
    this.#beta.show(beta)
    this.later(() => this.#strips([x, normalised, y]))
    this.later(() => this.#channels(statistics))
    const passes = y.filter((value) => value > 0).length / y.length
    const difference = Math.max(...y.map((value, i) => Math.abs(value - x[i])))
    const moved = (values: Float32Array, start: number) =>
      mean(values.map((value) => Math.abs(value - start)))
    return {
      values: {
        gamma,
        beta,
        passes,
        difference,
        gammaMoved: moved(statistics.gamma, 1),
        betaMoved: moved(statistics.beta, 0),
        mean: came.mean,
        deviation: came.deviation,
      },
      words: `γ is ${short(gamma)} and β is ${short(beta)}${this.#own ? ', your own' : ', as learnt'}: the ReLU lets ${percent(passes)} of this batch’s digits through${difference < 1e-3 ? ', and what comes out is what came in' : ''}. Over the layer, γ lies ${short(moved(statistics.gamma, 1))} from 1 and β ${short(moved(statistics.beta, 0))} from 0 on average.`,
    }
  }

  #strips(stages: readonly (readonly number[])[]): void {
    const width = Math.max(200, this.#canvas.clientWidth)
    const context = sharp(this.#canvas, width, HEIGHT)
    const range = span([...stages.flat(), -3, 3])
    const titles = ['x, before the norm', 'x̂', 'y = γ x̂ + β']
    for (const [i, values] of stages.entries()) {
      const strip = { name: titles[i], values, lit: i === 2, tint: i === 0 ? 'plain' : 'norm', relu: i === 2 }
      drawStrip(context, width, i * STRIP, STRIP, strip, range)
    }
    drawAxis(context, width, 3 * STRIP, range, ticksOf({ label: '', min: range[0], max: range[1] }))
  }

  #channels({ gamma, beta }: NonNullable<View['statistics']>): void {
    const [left, right] = span([...gamma, 0.9, 1.1])
    const [low, high] = span([...beta, -0.1, 0.1])
    const plot = new Plot(
      this.#all,
      HEIGHT,
      { label: 'γ, which starts at 1', min: left, max: right },
      { label: 'β, which starts at 0', min: low, max: high },
    )
    plot.line([1, 1], [low, high], 'muted', [4, 4])
    plot.line([left, right], [0, 0], 'muted', [4, 4])
    plot.dots(gamma, beta, 'norm', 3)
  }
}

function slider(name: string, min: number, max: number) {
  const box = document.createElement('label')
  const input = document.createElement('input')
  const output = document.createElement('output')
  input.type = 'range'
  input.min = String(min)
  input.max = String(max)
  input.step = '0.05'
  output.setAttribute('aria-live', 'off')
  box.append(`${name} `, input, output)
  return {
    box,
    input,
    show(value: number) {
      if (document.activeElement !== input) input.value = String(value)
      output.textContent = value.toFixed(2).replace('-', '−')
    },
  }
}
