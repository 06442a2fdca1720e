/** The page: hands what the visitor does to the worker, and what the worker sends to the views. */
import { nextTask } from './next-task.js'
import type { FromWorker, Point, ToWorker } from './protocol.js'
import { fromQuery, type Key, rebuilds, type Settings, toQuery, withSetting } from './settings.js'
import { Answers } from './views/answers.js'
import { Controls } from './views/controls.js'
import { Histograms } from './views/histograms.js'
import { MistakesView } from './views/mistakes.js'
import { Pad } from './views/pad.js'
import { PresetButtons } from './views/presets.js'
import { StatisticsView } from './views/statistics.js'
import { Status } from './views/status.js'
import { TakeHome } from './views/take-home.js'
import { byId } from './views/theme.js'

let settings: Settings = fromQuery(location.search)
let playing = true
let points: Point[] = []

/** Milliseconds after which a worker that is not ready is replaced (init waits for threads up to 10 s), and how often. */
const PATIENCE = 12_000
const STARTS = 3

// The worker loads while the views are built, a task for each few of them; what it sends meanwhile waits.
const early: FromWorker[] = []
let receive = (message: FromWorker) => {
  early.push(message)
}
let worker = startWorker(STARTS)
const send = (message: ToWorker) => worker.postMessage(message)

const status = new Status(() => send({ kind: 'fetch' }))

/** In Firefox a Worker may stand still for good where it starts Workers of its own: then a new one is started. */
function startWorker(starts: number): Worker {
  const started = new Worker(new URL('./worker/main.ts', import.meta.url), { type: 'module' })
  const patience = setTimeout(() => {
    started.terminate()
    if (starts > 1) worker = startWorker(starts - 1)
    else
      receive({
        kind: 'failed',
        message: 'The training Worker does not answer. Reload the page to try again.',
      })
  }, PATIENCE)
  started.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.kind === 'ready' || data.kind === 'failed') clearTimeout(patience)
    receive(data)
  }
  started.onerror = (event) => {
    clearTimeout(patience)
    status.trouble(`The training Worker could not be started (${event.message ?? 'no reason was given'}).`)
  }
  started.postMessage({ kind: 'start', base: document.baseURI, settings } satisfies ToWorker)
  return started
}
// Before the first paint a canvas is slow to make: the browser would have to start its drawing for it.
await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))
// The charts' library takes its time to start, so it gets a task of its own.
const { CurveChart } = await import('./views/curves.js')
await nextTask()
const curves = [new CurveChart(byId('accuracy'), 'accuracy')]
await nextTask()
curves.push(new CurveChart(byId('loss'), 'loss'))
await nextTask()
const histograms = new Histograms(byId('histograms'))
const statistics = new StatisticsView((layer) => send({ kind: 'layer', layer }))
const answers = new Answers()
const pad = new Pad((pixels) => {
  send({ kind: 'draw', pixels })
  if (!pixels) answers.show(undefined)
  answers.changed()
})
await nextTask()
const mistakes = new MistakesView()
const takeHome = new TakeHome(
  (side) => send({ kind: 'weights', side }),
  (text) => status.say(text),
)
const controls = new Controls((key, value) => change(key, value))
const presets = new PresetButtons((preset) => {
  apply({ ...preset.settings, evaluation: settings.evaluation })
  // The same preset again starts again.
  send({ kind: 'reset' })
  send({ kind: 'play' })
  status.say(`${preset.title}: both nets start anew.`)
})

function change(key: Key, value: string | number): void {
  if (settings[key] === value) return
  const before = settings
  apply(withSetting(settings, key, value))
  if (rebuilds(before, settings)) status.say('Both nets are built anew.')
}

function apply(changed: Settings): void {
  settings = changed
  history.replaceState(null, '', `${location.pathname}${toQuery(settings)}`)
  send({ kind: 'settings', settings })
  showSettings()
}

function showSettings(): void {
  controls.show(settings)
  presets.show(settings)
  takeHome.show(settings)
}

byId('play').addEventListener('click', () => send({ kind: playing ? 'pause' : 'play' }))
byId('step').addEventListener('click', () => send({ kind: 'step' }))
byId('reset').addEventListener('click', () => {
  send({ kind: 'reset' })
  status.say('Both nets start anew, from the same weights.')
})
byId('recalibrate').addEventListener('click', () => {
  byId('recalibrated').textContent = 'Recalibrating…'
  send({ kind: 'recalibrate' })
})
byId('example').addEventListener('click', () => send({ kind: 'example' }))

function enable(): void {
  for (const id of ['play', 'step', 'reset', 'recalibrate', 'example', 'download']) {
    byId<HTMLButtonElement>(id).disabled = false
  }
}

function built(layers: string[]): void {
  points = []
  histograms.build(layers)
  statistics.build(layers)
  enable()
}

/** Adds points; one at the same step (after a change while paused) takes the place of the last. */
function add(more: readonly Point[]): void {
  for (const point of more) {
    if (points.at(-1)?.step === point.step) points.pop()
    points.push(point)
  }
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`

/** Shows a frame, a task for each part of it. */
async function show(frame: FromWorker & { kind: 'frame' }): Promise<void> {
  status.progress(frame.progress, points.at(-1))
  // A frame may be older than the last touch of Clear.
  if (frame.answers && !pad.empty) answers.show(frame.answers)
  if (frame.points.length > 0) {
    for (const curve of curves) {
      curve.show(points)
      await nextTask()
    }
    await histograms.show(points)
  }
  if (frame.statistics) statistics.show(frame.statistics)
  send({ kind: 'shown' })
}

function take(message: FromWorker): void {
  switch (message.kind) {
    case 'ready':
      status.backend(message.backend)
      break
    case 'data':
      status.data(message.train, message.test, message.failure)
      break
    case 'built':
      built(message.layers)
      break
    case 'playing':
      playing = message.playing
      byId('play').textContent = playing ? 'Pause' : 'Play'
      if (playing) status.plays()
      if (message.why) status.say(message.why)
      break
    case 'frame':
      add(message.points)
      // Drawn when the browser paints; then the worker may send the next frame.
      requestAnimationFrame(() => show(message))
      break
    case 'mistakes':
      mistakes.show(message.mistakes)
      break
    case 'recalibrated': {
      const { digits, before, after } = message
      const text = `Averaged over ${digits.toLocaleString('en')} digits. In evaluation mode, batch norm’s accuracy went from ${percent(before)} to ${percent(after)}.`
      byId('recalibrated').textContent = text
      break
    }
    case 'example':
      pad.take(message.pixels)
      break
    case 'weights':
      takeHome.save(message.side, message.bytes)
      break
    case 'failed':
      status.failed(message.message)
      break
  }
}

await nextTask()
showSettings()
for (const message of early) take(message)
receive = take
