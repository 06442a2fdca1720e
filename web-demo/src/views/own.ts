import { PIXELS } from '../../shards.js'
import { percent } from '../headline.js'
import type { Answer, OwnAnswers, ToWorker } from '../protocol.js'
import { whole } from '../whole.js'
import { inkOf, pixelsOf } from './ink.js'
import { names } from './names.js'
import { byId, onThemeChange, rgb } from './theme.js'

const MOST = 8
const SIDE = 28
const PNG = [0x89, 0x50, 0x4e, 0x47]

interface Events {
  send(message: ToWorker): void
  /** The digit on the pad; undefined where nothing is drawn. */
  drawn(): Uint8Array | undefined
}

/** Digits of the visitor's own, judged together in both modes. */
export class OwnView {
  #digits: Uint8Array[] = []
  #answers: OwnAnswers | undefined
  readonly #files = byId<HTMLInputElement>('own-files')

  constructor(readonly events: Events) {
    byId('own-add').addEventListener('click', () => {
      const drawn = events.drawn()
      if (drawn) this.#add([drawn])
      else this.say('Draw a digit first, or take a test digit.')
    })
    byId('own-clear').addEventListener('click', () => {
      this.#digits = []
      this.#answers = undefined
      byId('own').replaceChildren()
      this.say('')
      byId<HTMLButtonElement>('own-clear').disabled = true
    })
    this.#files.addEventListener('change', () => {
      this.#open([...(this.#files.files ?? [])]).catch((error: unknown) =>
        this.say(`The files could not be read: ${error instanceof Error ? error.message : error}.`),
      )
      this.#files.value = ''
    })
    onThemeChange(() => this.#answers && this.show(this.#answers))
  }

  say(text: string): void {
    byId('own-now').textContent = text
  }

  #add(digits: readonly Uint8Array[]): void {
    this.#digits = [...this.#digits, ...digits].slice(-MOST)
    const pixels = new Uint8Array(this.#digits.length * PIXELS)
    for (const [i, digit] of this.#digits.entries()) pixels.set(digit, i * PIXELS)
    byId<HTMLButtonElement>('own-clear').disabled = false
    this.events.send({ kind: 'own', pixels, labels: undefined })
  }

  /** Judges the batch again: the nets have learnt. */
  again(): void {
    if (this.#digits.length > 0) this.#add([])
  }

  async #open(files: readonly File[]): Promise<void> {
    const pictures: Uint8Array[] = []
    let images: Uint8Array | undefined
    let labels: Uint8Array | undefined
    for (const file of files) {
      const bytes = await contentOf(file)
      if (PNG.every((byte, i) => bytes[i] === byte)) pictures.push(await digitOf(file))
      // An IDX file of rank 3 has images, one of rank 1 labels.
      else if (bytes[0] === 0 && bytes[1] === 0 && bytes[3] === 1) labels = bytes
      else if (bytes[0] === 0 && bytes[1] === 0) images = bytes
      else throw new Error(`${file.name} is neither a PNG picture nor an IDX file`)
    }
    if (pictures.length > 0) this.#add(pictures)
    if (images) this.events.send({ kind: 'ownIdx', images, labels })
    else if (labels) throw new Error('a file of labels needs its file of images: open both together')
  }

  show(answers: OwnAnswers): void {
    this.#answers = answers
    const { shown, count, right } = answers
    const table = document.createElement('table')
    const head = table.createTHead().insertRow()
    for (const title of ['Digit', `${names().norm}, evaluation`, `${names().norm}, training mode`, 'Plain']) {
      head.append(Object.assign(document.createElement('th'), { textContent: title, scope: 'col' }))
    }
    const body = table.createTBody()
    for (const { pixels, label, evaluation, training } of shown) {
      const row = body.insertRow()
      const cell = row.insertCell()
      cell.append(picture(pixels), label === undefined ? '' : ` ${label}`)
      for (const answer of [evaluation.norm, training, evaluation.plain])
        row.insertCell().textContent = told(answer)
    }
    const changed = shown.filter(
      ({ evaluation, training }) => evaluation.norm.digit !== training.digit,
    ).length
    byId('own').replaceChildren(table)
    const together = Math.min(count, 250)
    const all = `${whole(count)} ${count === 1 ? 'digit' : 'digits'}${count > shown.length ? `, the first ${shown.length} of them above` : ''}.`
    const rights = right
      ? ` Right in evaluation mode: ${percent(right.evaluation.norm)}; in training mode, ${together} at a time: ${percent(right.training)}; plain: ${percent(right.evaluation.plain)}.`
      : ''
    const alone = count === 1 ? ' One digit alone has no variance: in training mode it needs neighbours.' : ''
    this.say(`${all}${rights} Training mode answers ${changed} of these ${shown.length} differently.${alone}`)
  }
}

const told = ({ digit, sure }: Answer) =>
  digit < 0 ? 'no answer' : `${digit}, ${Math.round(100 * sure)} % sure`

/** A file's bytes, decompressed where it is gzip. */
async function contentOf(file: File): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Uint8Array(await new Response(plain).arrayBuffer())
}

/** A picture as a digit of MNIST: its ink is what differs from the corners, whether it is dark on light or not. */
async function digitOf(file: File): Promise<Uint8Array> {
  const bitmap = await createImageBitmap(file)
  const { width, height } = bitmap
  if (width > 2048 || height > 2048)
    throw new Error(`${file.name} has ${width} × ${height} pixels; up to 2048 × 2048 are read`)
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) throw new Error('this browser has no 2D canvas')
  context.fillStyle = 'white'
  context.drawImage(bitmap, 0, 0)
  const image = context.getImageData(0, 0, width, height)
  const { data } = image
  const light = (i: number) => {
    const alpha = data[4 * i + 3] / 255
    return ((data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3) * alpha + 255 * (1 - alpha)
  }
  const corners = [0, width - 1, width * (height - 1), width * height - 1].map(light)
  const ground = corners.reduce((a, b) => a + b, 0) / 4
  const values = Uint8Array.from({ length: width * height }, (_, i) =>
    Math.min(255, Math.abs(light(i) - ground)),
  )
  const most = Math.max(
    1,
    values.reduce((a, b) => Math.max(a, b), 0),
  )
  for (const [i, value] of values.entries()) {
    // Faint noise of the paper is no ink.
    const ink = value / most
    data[4 * i + 3] = ink < 0.2 ? 0 : Math.round(255 * ink)
  }
  context.putImageData(image, 0, 0)
  const pixels = pixelsOf(canvas)
  if (!pixels) throw new Error(`${file.name} is one colour: there is no digit on it`)
  return pixels
}

function picture(pixels: Uint8Array): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = SIDE
  canvas.height = SIDE
  canvas.setAttribute('aria-hidden', 'true')
  const context = canvas.getContext('2d')
  context?.drawImage(inkOf(pixels), 0, 0)
  if (context) {
    const [red, green, blue] = rgb('ink')
    context.globalCompositeOperation = 'source-in'
    context.fillStyle = `rgb(${red} ${green} ${blue})`
    context.fillRect(0, 0, SIDE, SIDE)
  }
  return canvas
}
