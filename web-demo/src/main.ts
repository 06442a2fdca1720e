import type { FromWorker, Point, ToWorker } from './protocol.js'
import { fromQuery } from './settings.js'
import { CurveChart } from './views/curves.js'
import { byId } from './views/theme.js'

const worker = new Worker(new URL('./worker/main.ts', import.meta.url), { type: 'module' })
const send = (message: ToWorker) => worker.postMessage(message)
let points: Point[] = []
const accuracy = new CurveChart(byId('accuracy'), 'accuracy')
const loss = new CurveChart(byId('loss'), 'loss')
worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
  if (data.kind === 'built') points = []
  if (data.kind === 'ready') byId('badge').textContent = data.backend.reason
  if (data.kind === 'failed') byId('badge').textContent = data.message
  if (data.kind === 'frame') {
    points.push(...data.points)
    requestAnimationFrame(() => {
      accuracy.show(points)
      loss.show(points)
      byId('steps').textContent = String(data.progress.step)
      send({ kind: 'shown' })
    })
  }
}
send({ kind: 'start', base: document.baseURI, settings: fromQuery(location.search) })
