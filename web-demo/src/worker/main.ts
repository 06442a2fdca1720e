/** The training side: takes the page's messages. */
import { encodeState, init } from 'simdgrad'
import { PIXELS } from '../../shards.js'
import type { ToWorker } from '../protocol.js'
import { DigitStream } from './digits.js'
import { digitsOf, ownAnswers } from './own.js'
import { fail, messageOf, send } from './send.js'
import { Session } from './session.js'

let stream: DigitStream
let session: Session | undefined
/** What the page wants before there is a session. */
let first: (ToWorker & { kind: 'start' }) | undefined

async function start(message: ToWorker & { kind: 'start' }): Promise<void> {
  first = message
  let begun = false
  const loaded = init()
  loaded.catch(() => {})
  stream = new DigitStream(message.base, (failure) => {
    send({ kind: 'data', train: stream.train.count, test: stream.test.count, failure })
    if (begun || stream.train.count === 0 || stream.test.count === 0) return
    begun = true
    loaded.then(begin, () => {})
  })
  stream.fetch()
  try {
    send({ kind: 'ready', backend: await loaded })
  } catch (error) {
    fail(error)
  }
}

/** Training begins once binary and first digits are there; going on waits for all digits that the training had seen. */
async function begin(): Promise<void> {
  if (!first) return
  const { settings, until, wants, turn, from } = first
  while (from && stream.busy && stream.train.count < (from.epoch > 0 ? from.digits : from.at)) {
    await new Promise((done) => setTimeout(done, 20))
  }
  session = new Session(settings, stream, wants, turn, until)
  session.begin(from)
}

/** Messages that need no nets. Before there is a session, what the page sets is kept for it. */
function early(message: ToWorker): void {
  // Not awaited: the messages after it need not wait for the digits.
  if (message.kind === 'fetch') stream.fetch()
  if (session || !first) return
  if (message.kind === 'settings') first = { ...first, settings: message.settings, turn: message.turn }
  if (message.kind === 'scene')
    first = {
      ...first,
      settings: message.settings,
      until: message.until,
      turn: message.turn,
      from: undefined,
    }
  if (message.kind === 'wants') first = { ...first, wants: message.wants }
}

async function handle(message: ToWorker): Promise<void> {
  if (message.kind === 'start') return start(message)
  early(message)
  if (!session) return
  const { trainer } = session
  switch (message.kind) {
    case 'shown':
      session.unshown = false
      break
    case 'settings':
      session.turn = message.turn
      if (trainer.change(message.settings)) {
        session.rebuilt()
        if (!session.playing) session.advance()
      }
      if (!session.playing) session.sendAll()
      break
    case 'scene':
      session.turn = message.turn
      session.scene(message.settings, message.until)
      break
    case 'play':
      session.play(message.until)
      break
    case 'pause':
      session.setPlaying(false)
      session.sendAll()
      break
    case 'step':
      session.setPlaying(false)
      session.advance()
      session.sendAll()
      break
    case 'reset':
      trainer.reset()
      session.rebuilt()
      if (!session.playing) {
        session.advance()
        session.sendAll()
      }
      break
    case 'wants':
      session.wants = message.wants
      if (!session.playing) session.sendFrame(true)
      break
    case 'draw':
      session.drawn = message.pixels
      if (!session.playing) session.sendFrame()
      break
    case 'example': {
      const at = Math.floor(Math.random() * stream.test.count) * PIXELS
      send({ kind: 'example', pixels: stream.test.pixels.slice(at, at + PIXELS) })
      break
    }
    case 'own':
      send({ kind: 'own', answers: ownAnswers(trainer.trainees, message.pixels, message.labels) })
      break
    case 'ownIdx':
      try {
        const { pixels, labels } = digitsOf(message.images, message.labels)
        send({ kind: 'own', answers: ownAnswers(trainer.trainees, pixels, labels) })
      } catch (error) {
        send({ kind: 'refused', what: 'own', why: messageOf(error) })
      }
      break
    case 'recalibrate':
      session.setPlaying(false)
      send({ kind: 'recalibrated', ...(await trainer.recalibrate()) })
      session.sendAll()
      break
    case 'weights': {
      const copy = new Uint8Array(encodeState(trainer.trainees[message.side].net.stateDict()))
      send({ kind: 'weights', side: message.side, bytes: copy }, [copy])
      break
    }
  }
}

/** One message after the other; but a question whether the worker lives is answered at once. */
let queue = Promise.resolve()
addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'ping') send({ kind: 'pong' })
  else
    queue = queue.then(() => handle(data)).catch((error) => (session ? session.stopAt(error) : fail(error)))
})
send({ kind: 'hello' })
