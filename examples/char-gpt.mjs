// A transformer learns to write, character by character, from this project's own guide to PyTorch's users.
//
//   node examples/char-gpt.mjs                    600 steps, some 30 seconds
//   node examples/char-gpt.mjs --steps 2000 --text book.txt --length 400
//
// Prints the loss (that of guessing any character alike comes first), and a text that the net makes up:
//   guessing: 4.60
//   step 100: loss 2.94
//   …
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { init, manualSeed, multinomial, nn, noGrad, optim, randint, tensor } from 'simdgrad'
import { CharGPT } from './nets/char-gpt.mjs'

const { values } = parseArgs({
  options: {
    text: { type: 'string' },
    steps: { type: 'string', default: '600' },
    length: { type: 'string', default: '200' },
  },
})
const BATCH = 16

await init()
manualSeed(0)
const text = await readFile(values.text ?? new URL('../docs/from-pytorch.md', import.meta.url), 'utf8')
const letters = [...new Set(text)].sort()
const numbers = Array.from(text, (letter) => letters.indexOf(letter))
const net = new CharGPT({ vocabulary: letters.length })
const { context } = net
const optimizer = new optim.AdamW(net.parameters(), { lr: 3e-3 })
const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, Number(values.steps))
const loss = new nn.CrossEntropyLoss()

console.log(`guessing: ${Math.log(letters.length).toFixed(2)}`)
for (let step = 1; step <= Number(values.steps); step++) {
  const starts = randint(0, numbers.length - context, [BATCH]).toFloat32Array()
  /** @param {number} shift */
  const cut = (shift) => tensor(Array.from(starts, (at) => numbers.slice(at + shift, at + shift + context)))
  const logits = net.forward(cut(0))
  const value = loss.forward(logits.reshape([BATCH * context, letters.length]), cut(1).reshape([-1]))
  optimizer.zeroGrad()
  value.backward()
  nn.utils.clipGradNorm(net.parameters(), 1)
  optimizer.step()
  schedule.step()
  if (step % 100 === 0) console.log(`step ${step}: loss ${value.item().toFixed(2)}`)
}

net.eval()
const written = [numbers[0]]
while (written.length < Number(values.length)) {
  const next = noGrad(() => {
    const logits = net.forward(tensor([written.slice(-context)]))
    const last = logits.slice(1, -1).reshape([letters.length])
    return multinomial(last.div(0.8).softmax(0), 1).item()
  })
  written.push(next)
}
console.log(`\n${written.map((number) => letters[number]).join('')}`)
