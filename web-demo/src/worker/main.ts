/** The training side: takes the page's messages, trains in short slices, sends frames as the page shows them. */
import { encodeState, init } from 'simdgrad'
import { PIXELS, TOTAL } from '../../shards.js'
import { nextTask } from '../next-task.js'
import type { Both, FromWorker, LayerStatistics, Point, ToWorker } from '../protocol.js'
import { DigitStream } from './digits.js'
import { statisticsOf } from './inspect.js'
import { judged, mistakesOf, probabilities } from './judge.js'
import { pixelsToTensor } from './pixels.js'
import { Trainer } from './trainer.js'

/** Milliseconds of training between two looks at the messages. */
const SLICE = 15
/** The same while digits stream in: each piece of a stream waits for the end of a slice (Firefox's are small). */
const STREAMING_SLICE = 3
/** Milliseconds between two frames, two batch norm statistics, two looks at the mistakes. */
const FRAME = 60
const STATISTICS = 250
const MISTAKES = 2500
const SHOWN_MISTAKES = 20
/** Training pauses by itself after so many digits (20 times all): a forgotten tab should not heat a laptop. */
const PAUSE = 20 * TOTAL.train

let stream: DigitStream
let trainer: Trainer
let playing = false
let running = false
/** Whether the page has yet to show a frame. A hidden page shows none, and training waits. */
let unshown = false
let points: Point[] = []
let layer = 0
let drawing: Uint8Array | undefined
let lastFrame = 0
let lastStatistics = 0
let lastMistakes = 0
let pauseAt = PAUSE

/** @param given arrays of the message that are handed over instead of copied */
function send(message: FromWorker, given: Uint8Array[] = []): void {
  postMessage(message, { transfer: given.map(({ buffer }) => buffer as ArrayBuffer) })
}

function fail(error: unknown): void {
  send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
}

function setPlaying(value: boolean, why = ''): void {
  playing = value
  send({ kind: 'playing', playing, why })
  if (playing) run()
}

async function run(): Promise<void> {
  if (running) return
  running = true
  try {
    while (playing) {
      const start = performance.now()
      const slice = stream.busy ? STREAMING_SLICE : SLICE
      while (playing && performance.now() - start < slice) advance()
      if (start - lastFrame > FRAME && !unshown) sendFrame()
      if (start - lastMistakes > MISTAKES && !unshown) sendMistakes()
      await nextTask()
      while (unshown && performance.now() - lastFrame > 1000)
        await new Promise((done) => setTimeout(done, 50))
      if (trainer.seen >= pauseAt) {
        pauseAt += PAUSE
        setPlaying(false, `Paused after ${trainer.seen.toLocaleString('en')} digits. Play goes on.`)
        sendAll()
      }
    }
  } catch (error) {
    stopAt(error)
  } finally {
    running = false
  }
}

/** Training can't go on as it is (no memory, mostly): says so and waits for other settings. */
function stopAt(error: unknown): void {
  setPlaying(false, 'Training stopped.')
  fail(error)
}

function advance(): void {
  const point = trainer.next()
  if (point) points.push(point)
}

function sendFrame(complete = false): void {
  const now = performance.now()
  let statistics: LayerStatistics | undefined
  if (trainer.last && (complete || now - lastStatistics > STATISTICS)) {
    statistics = statisticsOf(trainer.trainees.norm.net, trainer.last.x, layer)
    lastStatistics = now
  }
  const arrays = points.flatMap(({ histograms: { norm, plain } }) => [norm, plain])
  send({ kind: 'frame', points, progress: trainer.progress(), statistics, answers: answers() }, arrays)
  points = []
  unshown = true
  lastFrame = performance.now()
}

function answers(): Both<Float32Array> | undefined {
  if (!drawing) return undefined
  const x = pixelsToTensor(drawing)
  const { norm, plain } = trainer.trainees
  const both = { norm: probabilities(norm.net, x), plain: probabilities(plain.net, x) }
  x.dispose()
  return both
}

function sendMistakes(): void {
  const { norm, plain } = trainer.trainees
  const { settings } = trainer
  const indices = judged(stream.test, trainer.looksAt, settings)
  const of = ({ net }: typeof norm) => mistakesOf(net, stream.test, indices, settings, SHOWN_MISTAKES)
  const mistakes = { norm: of(norm), plain: of(plain) }
  send({ kind: 'mistakes', mistakes }, [mistakes.norm.pixels, mistakes.plain.pixels])
  lastMistakes = performance.now()
}

/** All that there is to see, of nets that stand still. */
function sendAll(): void {
  if (points.at(-1)?.step !== trainer.step) points.push(trainer.point())
  sendFrame(true)
  sendMistakes()
}

function rebuilt(): void {
  points = []
  pauseAt = PAUSE
  layer = Math.min(layer, trainer.layers.length - 1)
  send({ kind: 'built', layers: trainer.layers })
  if (!playing) {
    advance()
    sendAll()
  }
}

async function start({ base, settings }: ToWorker & { kind: 'start' }): Promise<void> {
  let begun = false
  const loaded = init()
  loaded.catch(() => {})
  stream = new DigitStream(base, (failure) => {
    send({ kind: 'data', train: stream.train.count, test: stream.test.count, failure })
    if (begun || stream.train.count === 0 || stream.test.count === 0) return
    begun = true
    loaded.then(
      () => {
        trainer = new Trainer(settings, stream)
        send({ kind: 'built', layers: trainer.layers })
        setPlaying(true)
      },
      () => {},
    )
  })
  stream.fetch()
  try {
    send({ kind: 'ready', backend: await loaded })
  } catch (error) {
    fail(error)
  }
}

async function handle(message: ToWorker): Promise<void> {
  if (message.kind === 'start') return start(message)
  // Not awaited: the messages after it need not wait for the digits.
  if (message.kind === 'fetch') stream.fetch()
  if (message.kind === 'shown') unshown = false
  if (!trainer) return
  switch (message.kind) {
    case 'settings':
      if (trainer.change(message.settings)) rebuilt()
      else if (!playing) sendAll()
      break
    case 'play':
      setPlaying(true)
      break
    case 'pause':
      setPlaying(false)
      sendAll()
      break
    case 'step':
      setPlaying(false)
      advance()
      sendAll()
      break
    case 'reset':
      trainer.reset()
      rebuilt()
      break
    case 'layer':
      layer = message.layer
      if (!playing) sendFrame(true)
      break
    case 'draw':
      drawing = message.pixels
      if (!playing) sendFrame()
      break
    case 'example': {
      const at = Math.floor(Math.random() * stream.test.count) * PIXELS
      send({ kind: 'example', pixels: stream.test.pixels.slice(at, at + PIXELS) })
      break
    }
    case 'recalibrate':
      setPlaying(false)
      send({ kind: 'recalibrated', ...(await trainer.recalibrate()) })
      sendAll()
      break
    case 'weights': {
      const bytes = encodeState(trainer.trainees[message.side].net.stateDict())
      const copy = new Uint8Array(bytes)
      send({ kind: 'weights', side: message.side, bytes: copy }, [copy])
      break
    }
  }
}

/** One message after the other. */
let queue = Promise.resolve()
addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  queue = queue.then(() => handle(data)).catch(stopAt)
})
