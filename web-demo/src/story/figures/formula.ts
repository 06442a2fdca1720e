import { sharp } from '../../views/theme.js'
import { ChannelChoice } from './channel-choice.js'
import { type Asks, Figure, type Now, type View } from './figure.js'
import { short, span, ticksOf } from './plot.js'
import { drawAxis, drawStrip, moments, round } from './strips.js'

const STRIP = 62
const HEIGHT = 3 * STRIP + 40

type Term = 'x' | 'mean' | 'deviation' | 'result' | undefined

/** A part of the formula, what it is called, and the strips that it lights. */
const TERMS: readonly { term: Exclude<Term, undefined>; name: string; strips: readonly number[] }[] = [
  { term: 'x', name: 'x, the activation that comes in', strips: [0] },
  { term: 'mean', name: 'μ, the mean over the batch', strips: [0, 1] },
  { term: 'deviation', name: '√(σ² + ε), the standard deviation over the batch', strips: [1, 2] },
  { term: 'result', name: 'x̂, what is left', strips: [2] },
]

/** The formula with the numbers of one channel of the running net, and its three stages as dots. */
export class FormulaFigure extends Figure {
  override readonly wants = { numbers: true } as const
  readonly #terms = new Map<Term, HTMLButtonElement>()
  readonly #note = document.createElement('p')
  readonly #canvas: HTMLCanvasElement
  readonly #choice: ChannelChoice
  #lit: Term

  constructor(asks: Asks) {
    super(asks)
    const formula = document.createElement('p')
    formula.className = 'formula'
    const part = (term: Exclude<Term, undefined>) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.dataset.term = term
      button.className = 'part'
      const light = (lit: Term) => () => {
        this.#lit = lit
        asks.redraw()
      }
      for (const event of ['pointerenter', 'focus', 'click'] as const)
        button.addEventListener(event, light(term))
      for (const event of ['pointerleave', 'blur'] as const) button.addEventListener(event, light(undefined))
      this.#terms.set(term, button)
      return button
    }
    formula.append(part('result'), ' = ( ', part('x'), ' − ', part('mean'), ' ) / ', part('deviation'))
    this.#note.className = 'muted term'
    this.#choice = new ChannelChoice((chosen) => asks.wants(chosen))
    this.box.append(formula, this.#note)
    const row = this.row()
    row.classList.add('single')
    this.#canvas = this.panel(row, 'The same, as dots', HEIGHT)
    this.box.append(this.#choice.box)
  }

  protected draw(view: View): Now | undefined {
    this.#choice.show(view)
    const { numbers } = view
    if (!numbers) return undefined
    const values = [...numbers.x]
    const { mean, variance, deviation } = moments(values)
    const below = Math.sqrt(variance + numbers.eps)
    const centred = values.map((value) => value - mean)
    const normalised = centred.map((value) => value / below)
    const result = moments(normalised)
    const words = { x: values[0], mean, deviation: below, result: normalised[0] }
    for (const { term, name } of TERMS) {
      const button = this.#terms.get(term)
      if (!button) continue
      const symbol = name.split(',')[0]
      button.replaceChildren(
        number(words[term]),
        Object.assign(document.createElement('small'), { textContent: symbol }),
      )
      button.title = name
      button.classList.toggle('lit', term === this.#lit)
    }
    const lit = TERMS.find(({ term }) => term === this.#lit)
    this.#note.textContent = lit
      ? `${lit.name}: ${number(words[lit.term])}`
      : 'The numbers are those of the first digit of the batch.'
    this.later(() => this.#draw([values, centred, normalised], lit?.strips ?? []))
    return {
      values: {
        mean,
        deviation,
        first: values[0],
        normalisedFirst: normalised[0],
        normalisedMean: result.mean,
        normalisedDeviation: result.deviation,
        count: values.length,
      },
      words: `Channel ${numbers.channel + 1} of layer ${numbers.layer + 1}, ${values.length} digits: what comes in has mean ${short(mean)} and standard deviation ${short(deviation)}; what is left has mean ${short(round(result.mean))} and standard deviation ${short(result.deviation)}.`,
    }
  }

  #draw(stages: readonly (readonly number[])[], lit: readonly number[]): void {
    const width = Math.max(200, this.#canvas.clientWidth)
    const context = sharp(this.#canvas, width, HEIGHT)
    const range = span([...stages.flat(), -3, 3])
    const titles = ['x', 'x − μ', 'x̂ = (x − μ) / √(σ² + ε)']
    for (const [i, values] of stages.entries()) {
      const strip = { name: titles[i], values, lit: lit.includes(i), tint: i === 0 ? 'plain' : 'norm' }
      drawStrip(context, width, i * STRIP, STRIP, strip, range)
    }
    drawAxis(context, width, 3 * STRIP, range, ticksOf({ label: '', min: range[0], max: range[1] }))
  }
}

const number = (value: number) => value.toFixed(2).replace('-', '−')
