// The page: it shows what the Worker says, and never waits for it. What is trained is in worker.js.

function element(selector) {
  const found = document.querySelector(selector)
  if (!found) throw new Error(`index.html has no ${selector}`)
  return found
}

const COLOURS = ['#e4572e', '#17bebb', '#76b041']
const status = element('#status')
const again = element('#again')
const canvas = element('#plane')
const pen = canvas.getContext('2d')

/** A pixel for each answer on a square grid over the plane, and a darker one for each point. */
function draw(answers, points, labels) {
  if (!pen) return
  const side = Math.sqrt(answers.length)
  canvas.width = canvas.height = side
  pen.globalAlpha = 0.4
  for (const [i, arm] of answers.entries()) {
    pen.fillStyle = COLOURS[arm]
    pen.fillRect(i % side, Math.floor(i / side), 1, 1)
  }
  pen.globalAlpha = 1
  for (const [i, arm] of labels.entries()) {
    pen.fillStyle = COLOURS[arm]
    pen.fillRect(((points[2 * i] + 1) / 2) * side, ((points[2 * i + 1] + 1) / 2) * side, 1, 1)
  }
}

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
worker.onmessage = ({ data: said }) => {
  if (said.kind === 'ready') element('#backend').textContent = said.backend
  if (said.kind === 'epoch') {
    status.textContent = `epoch ${said.epoch}: accuracy ${said.accuracy.toFixed(4)}`
    draw(said.answers, said.points, said.labels)
  }
  if (said.kind === 'failed') status.textContent = said.message
  again.disabled = said.kind !== 'done' && said.kind !== 'failed'
}
worker.onerror = ({ message }) => {
  status.textContent = `the Worker ended: ${message || 'it was not found'}`
}
again.onclick = () => {
  again.disabled = true
  worker.postMessage('train')
}
