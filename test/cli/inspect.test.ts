/** `simdgrad inspect`, as it is installed. It uses the built package: `npm run build` first. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseCommandLine } from '../../src/cli/options.js'
import { ArgumentError } from '../../src/errors.js'
import { writeSmallMnist } from '../support/small-mnist.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'simdgrad-inspect-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function simdgrad(line: string): Promise<{ status: number; stdout: string; stderr: string }> {
  const { SIMDGRAD_TEST_BINARY: _, ...env } = process.env
  const args = [join(root, 'dist/cli/main.js'), ...line.split(' ')]
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

/** A net of a user's, trained with a momentum that is swapped, its own data and loss. */
const NET = `
import { nn, randn } from 'simdgrad'
export default class Net extends nn.Module {
  fc = new nn.Linear(4, 3)
  bn = new nn.BatchNorm1d(3, { momentum: 0.9 })
  forward(x) { return this.bn.forward(this.fc.forward(x)) }
}
export const loss = new nn.MSELoss()
export const data = () => Array.from({ length: 4 }, () => [randn([16, 4]), randn([16, 3])])
`
const SAVE = `
import { init, randn, saveSafetensors } from 'simdgrad'
import Net from './net.mjs'
await init()
const net = new Net()
for (let i = 0; i < 9; i++) net.forward(randn([16, 4]))
await saveSafetensors('net.safetensors', net.stateDict())
`

beforeAll(async () => {
  writeSmallMnist(join(folder, 'digits'), 1600, 320)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/simdgrad'), 'junction')
  writeFileSync(join(folder, 'net.mjs'), NET)
  writeFileSync(join(folder, 'save.mjs'), SAVE)
  writeFileSync(join(folder, 'none.mjs'), 'export default 5')
  await new Promise((done) => execFile(process.execPath, ['save.mjs'], { cwd: folder }, done))
})

describe('simdgrad inspect', () => {
  it("is silent about the command's own net, and writes a page", async () => {
    const trained = await simdgrad('mnist --data digits --net mlp-bn-layer --epochs 1 --save w.safetensors')
    expect(trained.status).toBe(0)
    const { stdout, stderr, status } = await simdgrad(
      'inspect --net mlp-bn-layer w.safetensors --data digits',
    )
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    expect(stdout).toMatch(/Nothing is wrong\.\n\nPage: simdgrad-inspect\.html\n$/)
    expect(stdout).toMatch(/evaluation +0\.\d+ +[89]\d\.\d %/)
    const page = readFileSync(join(folder, 'simdgrad-inspect.html'), 'utf8')
    expect(page).toContain('<h1>Batch norm of w.safetensors</h1>')
  })

  it("finds what is wrong with a module's net, with its own data and loss", async () => {
    const { stdout, status } = await simdgrad('inspect --module net.mjs net.safetensors --json')
    expect(status).toBe(2)
    const report = JSON.parse(stdout)
    expect(report.advice.map(({ code }: { code: string }) => code)).toEqual(['momentum-swapped'])
    expect(report.layers[0]).toMatchObject({ path: 'bn', momentum: 0.9, batchesTracked: 9 })
    expect(report.modes.evaluation.loss).toBeGreaterThan(0)
  })

  it.each([
    ['inspect --module gone.mjs', /--module is 'gone\.mjs', and there is no such file/],
    ['inspect --module none.mjs', /default export is to be a net/],
    ['inspect --net mlp-bn-layer gone.safetensors', /gone\.safetensors can't be read/],
    ['inspect --module net.mjs --report gone/page.html', /gone\/page\.html, which can't be written/],
  ])('%s ends with an error', async (line, message) => {
    const { stderr, status } = await simdgrad(line)
    expect(stderr).toMatch(message)
    expect(status).toBe(1)
  })

  it.each([
    ['inspect', /needs --net NAME .* or --module FILE, and neither was given/],
    ['inspect --net cnn-bn --module net.mjs', /both were given/],
    ['inspect --net cnn-bn', /needs the file of its weights/],
    ['inspect --net all w.safetensors', /takes one of/],
    ['inspect --net cnn-bn a.safetensors b.safetensors', /unexpected argument 'b.safetensors'/],
    ['inspect --net cnn-bn --lr 1 a.safetensors', /--lr is no option of 'simdgrad inspect'/],
    ['mnist --samples 5', /--samples is no option of 'simdgrad mnist'/],
    ['--module net.mjs', /is an option of 'simdgrad inspect'/],
    ['inspect --module net.mjs --samples 1', /--samples is '1'/],
  ])('%s is refused', (line, message) => {
    expect(() => parseCommandLine(line.split(' '))).toThrow(ArgumentError)
    expect(() => parseCommandLine(line.split(' '))).toThrow(message)
  })

  it('takes every option', () => {
    const line =
      'inspect --module n.mjs w.safetensors --data d --batch-size 8 --samples 99 --threads 2 --json --report r.html'
    expect(parseCommandLine(line.split(' '))).toEqual({
      command: 'inspect',
      options: {
        ...{ net: undefined, module: 'n.mjs', file: 'w.safetensors', data: 'd', batchSize: 8, samples: 99 },
        ...{ threads: 2, json: true, report: 'r.html' },
      },
    })
  })
})
