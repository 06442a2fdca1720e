/** The page: hands what the visitor does to the worker, and what the worker sends to the views. */
import { placeQuery, readPlace } from './address.js'
import { Course } from './course.js'
import { Link } from './link.js'
import { nextFrame, nextTask } from './next-task.js'
import { keepOffline } from './offline.js'
import type { FromWorker, ToWorker, Wants } from './protocol.js'
import { type Key, rebuilds, type Settings, withSetting } from './settings.js'
import type { View } from './story/figures/figure.js'
import type { Step, Task } from './story/step.js'
import { taskSettings } from './story/step.js'
import { Story } from './story/story.js'
import { Answers } from './views/answers.js'
import { Charts } from './views/charts.js'
import { Controls } from './views/controls.js'
import { Histograms } from './views/histograms.js'
import { MistakesView } from './views/mistakes.js'
import { showNames } from './views/names.js'
import { NetworkView } from './views/network.js'
import { OwnView } from './views/own.js'
import { Pad } from './views/pad.js'
import { PresetButtons } from './views/presets.js'
import { recalibratedText } from './views/recalibrated.js'
import { Spark } from './views/spark.js'
import { StatisticsView } from './views/statistics.js'
import { Status } from './views/status.js'
import { TakeHome } from './views/take-home.js'
import { byId } from './views/theme.js'

const given = readPlace(location.search)
let settings: Settings = given.settings
let step: Step | undefined = given.step
let playing = true
/** Counts what is set; frames that are older than the last scene are not shown beside its words. */
let turn = 0
let sceneTurn = 0
/** What is said when the nets have been built. */
let news = ''
const course = new Course()
let wants: Wants = {
  layer: 0,
  channel: 0,
  statistics: true,
  numbers: false,
  slope: false,
  drawing: undefined,
  open: undefined,
}

// The script does not wait for the page's end: it would then be one task with the browser's first layout.
if (document.readyState === 'loading')
  await new Promise((parsed) => document.addEventListener('DOMContentLoaded', parsed))
await nextTask()
// The worker loads while the views are built, a task for each few of them; what it sends meanwhile waits.
const early: FromWorker[] = []
let receive = (message: FromWorker) => {
  early.push(message)
}
const status = new Status(() => send({ kind: 'fetch' }))
const link = new Link({
  receive: (message) => receive(message),
  tell: (text) => status.say(text),
  start: () => ({ settings, wants, turn, until: step?.until }),
  fits: (checkpoint) => !rebuilds(checkpoint.settings, settings),
})
const send = (message: ToWorker) => link.send(message)

function want(changed: Partial<Wants>): void {
  wants = { ...wants, ...changed }
  send({ kind: 'wants', wants })
}

// Before the first paint a canvas is slow to make: the browser would have to start its drawing for it.
for (const part of ['no-head', 'no-bar', 'no-main']) {
  await nextFrame()
  document.body.classList.remove(part)
}
await nextFrame()
const spark = new Spark()
await nextTask()
const story = new Story({
  go: (to) => goTo(to, to.settings, to.until),
  do: perform,
  wants: want,
  redraw: () => story.show(view()),
})
await nextFrame()
const charts = new Charts()
await nextTask()
const histograms = new Histograms(byId('histograms'))
await nextTask()
const statistics = new StatisticsView((layer) => want({ layer }))
await nextTask()
const network = new NetworkView(want)
await nextTask()
const answers = new Answers()
await nextTask()
const pad = new Pad((pixels) => {
  send({ kind: 'draw', pixels })
  if (!pixels) answers.show(undefined)
  answers.changed()
})
await nextTask()
const own = new OwnView({ send, drawn: () => pad.digit })
await nextTask()
const mistakes = new MistakesView()
await nextTask()
const takeHome = new TakeHome({
  download: (side) => send({ kind: 'weights', side }),
  say: (text) => status.say(text),
  drawn: () => pad.digit,
  begins: () => send({ kind: 'pause' }),
})
await nextTask()
const controls = new Controls((key, value) => change(key, value))
await nextTask()
const presets = new PresetButtons((preset) => {
  step = undefined
  take({ ...preset.settings, seed: settings.seed, evaluation: settings.evaluation })
  scene(undefined)
  news = `${preset.title}: both nets start anew.`
})

/** Shows a step of the story: both nets anew, up to where its text is to be read. */
function goTo(to: Step | undefined, changed: Settings, until: number | undefined): void {
  step = to
  take({ ...changed, seed: settings.seed })
  scene(until)
}

function scene(until: number | undefined): void {
  turn++
  sceneTurn = turn
  send({ kind: 'scene', settings, until, turn })
}

function perform(of: Step, task: Task): void {
  const changed = taskSettings(of, task, settings.seed)
  if (task.until !== undefined) {
    goTo(of, changed, task.until)
    return
  }
  // The nets stay as they are, and are looked at otherwise.
  take(changed)
  turn++
  send({ kind: 'settings', settings, turn })
}

function change(key: Key, value: string | number): void {
  if (settings[key] === value) return
  const before = settings
  take(withSetting(settings, key, value))
  turn++
  send({ kind: 'settings', settings, turn })
  // After the story's pause a visitor who changes a setting wants to see what it does.
  if (!playing && key !== 'evaluation') send({ kind: 'play' })
  if (rebuilds(before, settings)) news = 'Both nets are built anew.'
}

/** Takes settings, and puts them into the address and the views. */
function take(changed: Settings): void {
  if (rebuilds(settings, changed)) link.forget()
  settings = changed
  document.body.dataset.asked = String(turn + 1)
  history.replaceState(null, '', `${location.pathname}${placeQuery({ step, settings })}`)
  byId('address').hidden = true
  showSettings()
}

function showSettings(): void {
  showNames(settings)
  story.open(step)
  want({ numbers: false, slope: false, ...story.figure?.wants })
  controls.show(settings)
  presets.show(settings, step === undefined)
  takeHome.show(settings)
}

byId('play').addEventListener('click', () => send({ kind: playing ? 'pause' : 'play' }))
byId('step').addEventListener('click', () => send({ kind: 'step' }))
byId('reset').addEventListener('click', () => {
  link.forget()
  send({ kind: 'reset' })
  news = 'Both nets start anew, from the same weights.'
})
byId('recalibrate').addEventListener('click', () => {
  byId('recalibrated').textContent = 'Recalibrating…'
  send({ kind: 'recalibrate' })
})
byId('example').addEventListener('click', () => send({ kind: 'example' }))

function enable(): void {
  for (const id of ['play', 'step', 'reset', 'recalibrate', 'example', 'download', 'own-add']) {
    byId<HTMLButtonElement>(id).disabled = false
  }
}

/** The layers of nets that the views do not know yet. */
let unbuilt: readonly string[] | undefined

/** Has the views forget the old nets, a task for each. */
async function build(layers: readonly string[]): Promise<void> {
  unbuilt = undefined
  histograms.build(layers)
  await nextTask()
  statistics.build(layers)
  await nextTask()
  network.build()
  await nextTask()
}

/** What the story's figures show: asked for as soon as there is one. */
function view(): View {
  return { ...course.view, settings }
}

/** Shows a frame, a task for each part of it. */
async function show(frame: FromWorker & { kind: 'frame' }): Promise<void> {
  if (frame.turn < sceneTurn) {
    send({ kind: 'shown' })
    return
  }
  status.progress(frame.progress, course.points.at(-1))
  // A frame may be older than the last touch of Clear.
  if (frame.answers && !pad.empty) answers.show(frame.answers)
  await nextTask()
  if (frame.points.length > 0) spark.show(course.points)
  await story.show(view())
  await nextTask()
  if (unbuilt) await build(unbuilt)
  if (frame.points.length > 0) {
    await charts.show(course.points, course.events)
    await histograms.show(course.points)
  }
  if (frame.statistics) await statistics.show(frame.statistics, course.points)
  await nextTask()
  if (frame.drawing) await network.show(frame.drawing)
  // What is in sight, for whoever waits for it: tests do.
  Object.assign(document.body.dataset, { turn: frame.turn, resting: frame.resting })
  send({ kind: 'shown' })
}

function takeMessage(message: FromWorker): void {
  switch (message.kind) {
    case 'ready':
      status.backend(message.backend)
      break
    case 'data':
      status.data(message.train, message.test, message.failure)
      if (message.train + message.test >= 70_000) keepOffline()
      break
    case 'built':
      course.built(message.layers)
      unbuilt = message.layers
      status.built(news)
      news = ''
      enable()
      break
    case 'resumed':
      course.resumed(message.step)
      if (!playing) send({ kind: 'pause' })
      break
    case 'playing':
      playing = message.playing
      byId('play').textContent = playing ? 'Pause' : 'Play'
      if (playing) status.plays()
      else own.again()
      if (message.why) status.paused(message.why)
      break
    case 'frame':
      if (message.turn >= sceneTurn) course.add(message)
      // Drawn after the browser has painted, in tasks of its own; then the worker may send the next frame.
      requestAnimationFrame(() => nextTask().then(() => show(message)))
      break
    case 'mistakes':
      mistakes.show(message.mistakes)
      break
    case 'recalibrated':
      byId('recalibrated').textContent = recalibratedText(message)
      break
    case 'example':
      pad.take(message.pixels)
      break
    case 'own':
      own.show(message.answers)
      break
    case 'refused':
      own.say(`The files could not be read: ${message.why}.`)
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
if (given.problems.length > 0) {
  byId('address').textContent = given.problems.join(' ')
  byId('address').hidden = false
}
for (const message of early) takeMessage(message)
receive = takeMessage
