import { contextOf, inkOf, pixelsOf } from './ink.js'
import { byId, colour, onThemeChange } from './theme.js'

const SIZE = 280
const PEN = 22
const KEY_STEP = 10

/** The pad to draw on: white on nothing, as MNIST has it. Pointer, finger, or keys. */
export class Pad {
  readonly #canvas = byId<HTMLCanvasElement>('pad')
  /** The ink, in the alpha channel. */
  readonly #ink = new OffscreenCanvas(SIZE, SIZE)
  readonly #context = contextOf(this.#ink)
  #pen: { x: number; y: number; down: boolean; keys: boolean } | undefined
  #empty = true
  /** The digit as the nets see it. */
  #digit: Uint8Array | undefined

  constructor(readonly onDraw: (pixels: Uint8Array | undefined) => void) {
    this.#context.lineCap = 'round'
    this.#context.lineJoin = 'round'
    this.#context.lineWidth = PEN
    this.#listen()
    byId('clear').addEventListener('click', () => this.clear())
    onThemeChange(() => this.#paint())
    this.#paint()
  }

  /** What is drawn, as a digit of MNIST. */
  get digit(): Uint8Array | undefined {
    return this.#digit
  }

  /** Whether nothing is drawn. */
  get empty(): boolean {
    return this.#empty
  }

  clear(): void {
    this.#context.clearRect(0, 0, SIZE, SIZE)
    this.#empty = true
    this.#paint()
    this.#tell(undefined)
  }

  /** Shows a digit of the data. */
  take(pixels: Uint8Array): void {
    this.#context.clearRect(0, 0, SIZE, SIZE)
    this.#context.drawImage(inkOf(pixels), 0, 0, SIZE, SIZE)
    this.#empty = false
    this.#paint()
    this.#tell(pixels)
  }

  #tell(pixels: Uint8Array | undefined): void {
    this.#digit = pixels
    this.onDraw(pixels)
  }

  #listen(): void {
    const canvas = this.#canvas
    const place = (event: PointerEvent) => {
      const { left, top, width, height } = canvas.getBoundingClientRect()
      return {
        x: ((event.clientX - left) / width) * SIZE,
        y: ((event.clientY - top) / height) * SIZE,
      }
    }
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId)
      this.#pen = { ...place(event), down: true, keys: false }
      this.#line(place(event))
    })
    canvas.addEventListener('pointermove', (event) => {
      if (this.#pen?.down && !this.#pen.keys) this.#line(place(event))
    })
    const lift = () => {
      if (!this.#pen?.keys) this.#pen = undefined
    }
    canvas.addEventListener('pointerup', lift)
    canvas.addEventListener('pointercancel', lift)
    canvas.addEventListener('keydown', (event) => this.#key(event))
    canvas.addEventListener('blur', () => {
      this.#pen = undefined
      this.#paint()
    })
  }

  #key(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    }
    const move = moves[event.key]
    if (!move && event.key !== ' ') return
    event.preventDefault()
    this.#pen ??= { x: SIZE / 2, y: SIZE / 4, down: false, keys: true }
    const pen = this.#pen
    if (move) {
      const clamp = (value: number) => Math.min(SIZE, Math.max(0, value))
      const to = { x: clamp(pen.x + move[0] * KEY_STEP), y: clamp(pen.y + move[1] * KEY_STEP) }
      if (pen.down) this.#line(to)
      else Object.assign(pen, to)
    } else {
      pen.down = !pen.down
      if (pen.down) this.#line(pen)
    }
    this.#paint()
  }

  #line(to: { x: number; y: number }): void {
    const from = this.#pen ?? { ...to, down: true, keys: false }
    this.#context.beginPath()
    this.#context.moveTo(from.x, from.y)
    this.#context.lineTo(to.x, to.y)
    this.#context.stroke()
    Object.assign(from, { x: to.x, y: to.y })
    this.#empty = false
    this.#paint()
    this.#tell(pixelsOf(this.#ink))
  }

  #paint(): void {
    const context = this.#canvas.getContext('2d')
    if (!context) return
    context.globalCompositeOperation = 'source-over'
    context.clearRect(0, 0, SIZE, SIZE)
    context.drawImage(this.#ink, 0, 0)
    context.globalCompositeOperation = 'source-in'
    context.fillStyle = colour('ink')
    context.fillRect(0, 0, SIZE, SIZE)
    context.globalCompositeOperation = 'source-over'
    if (this.#empty && !this.#pen?.keys) {
      context.fillStyle = colour('muted')
      context.font = '22px system-ui, sans-serif'
      context.textAlign = 'center'
      context.fillText('draw here', SIZE / 2, SIZE / 2)
    }
    if (this.#pen?.keys) {
      context.strokeStyle = colour(this.#pen.down ? 'plain' : 'norm')
      context.lineWidth = 3
      context.beginPath()
      context.arc(this.#pen.x, this.#pen.y, PEN / 2, 0, 2 * Math.PI)
      context.stroke()
    }
  }
}
