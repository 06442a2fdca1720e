/** The command as it is installed, in a folder of its own. It uses the built package: `npm run build` first. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeSmallMnist } from '../support/small-mnist.js'

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'simdgrad-command-'))
  writeSmallMnist(join(folder, 'digits'), 320, 64)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs `simdgrad mnist` on few digits. `atOutput` sees all of stdout as it comes, and may send a signal. */
function mnist(
  line: string,
  atOutput: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void = () => {},
  cwd = folder,
): Promise<{ stdout: string; stderr: string; status: number | null; signal: NodeJS.Signals | null }> {
  const { SIMDGRAD_TEST_BINARY: _, ...env } = process.env
  const args = [command, 'mnist', '--data', join(folder, 'digits'), ...line.split(' ').filter(Boolean)]
  const child = spawn(process.execPath, args, { cwd, env })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    atOutput(stdout, (signal) => child.kill(signal))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ stdout, stderr, status, signal }))
  })
}

const files = () => readdirSync(folder).filter((name) => name !== 'digits')

describe('a run', () => {
  it('prints a line an epoch and a table in 80 columns, and writes report and weights', async () => {
    const { stdout, stderr, status } = await mnist('--epochs 2 --save w.safetensors')
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const lines = stdout.split('\n')
    for (const line of lines.filter((line) => !line.startsWith('('))) {
      expect(line.length, line).toBeLessThanOrEqual(80)
    }
    expect(lines.filter((line) => line.startsWith('Epoch 1. '))).toHaveLength(4)
    expect(lines.filter((line) => line.startsWith('Epoch 2. '))).toHaveLength(4)
    const table = lines.slice(lines.findIndex((line) => line.startsWith('net ')))
    expect(table.slice(1, 5).map((line) => line.split(/\s+/).slice(0, 2))).toEqual(
      ['mlp-bn', 'mlp', 'cnn-bn', 'cnn'].map((net) => [net, '2']),
    )
    expect(stdout).toContain('Curves: simdgrad-report-epochs-2-data-digits.html\n')
    expect(files().sort()).toEqual([
      'simdgrad-report-epochs-2-data-digits.html',
      'w-cnn-bn.safetensors',
      'w-cnn.safetensors',
      'w-mlp-bn.safetensors',
      'w-mlp.safetensors',
    ])
  })

  it('tells in its report how it was run', async () => {
    await mnist('--net mlp --epochs 1 --lr 0.05 --batch-size 16 --seed 7')
    const html = readFileSync(
      join(folder, 'simdgrad-report-mlp-epochs-1-batch-size-16-lr-0.05-seed-7-data-digits.html'),
      'utf8',
    )
    expect(html).toContain(`learning rate 0.05 · batch size 16 · epochs 1 · seed 7 · data ${folder}`)
    expect(html).toContain(
      `npx simdgrad mnist --data ${folder}/digits --net mlp --epochs 1 --lr 0.05 --batch-size 16 --seed 7`,
    )
    expect(html).not.toContain('interrupted')
  })

  it('says where it replaces a report', async () => {
    const first = await mnist('--net mlp --epochs 1')
    const second = await mnist('--net mlp --epochs 1')
    expect(first.stdout).toMatch(/Curves: simdgrad-report-mlp-epochs-1-data-digits\.html\n$/)
    expect(second.stdout).toMatch(/data-digits\.html \(in place of an earlier one\)\n$/)
  })

  it('prints epochs from 0, as fit has them, with --json, and no report', async () => {
    const { stdout, status } = await mnist('--net mlp --epochs 2 --json')
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(records.map(({ net, epoch }) => [net, epoch])).toEqual([
      ['mlp', 0],
      ['mlp', 1],
    ])
    expect({ status, files: files() }).toEqual({ status: 0, files: [] })
  })
})

describe('what can not be written is refused before anything is trained', () => {
  it.each([
    ['--save nowhere/w.safetensors', /--save is 'nowhere\/w\.safetensors'.*there is no folder .*nowhere/],
    ['--report nowhere/r.html', /--report is 'nowhere\/r\.html'.*there is no folder .*nowhere/],
    [
      '--net mlp --save taken.safetensors',
      /--save is 'taken\.safetensors'.*it is a folder or a device, not a file/,
    ],
    ['--report file/r.html', /--report is 'file\/r\.html'.*file takes no new file \(ENOTDIR\)/],
    ['--data nowhere', /--data is 'nowhere', and there is no such folder/],
    ['--data file', /--data is 'file', which is no folder/],
    ['--net mlp-bn --batch-size 1', /--batch-size is '1', and mlp-bn .* needs 2 at least/],
  ])('%s', async (line, message) => {
    mkdirSync(join(folder, 'taken.safetensors'))
    writeFileSync(join(folder, 'file'), '')
    const { stdout, stderr, status } = await mnist(line)
    expect(stderr).toMatch(/^simdgrad: .*\n$/)
    expect(stderr).toMatch(message)
    expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    expect(files().sort()).toEqual(['file', 'taken.safetensors'])
  })

  it('and so is a folder without permission: for weights, for a report, and for one without a name', async () => {
    // Root writes everywhere but where the kernel itself says no.
    const root = process.getuid?.() === 0
    const place = root ? '/proc' : join(folder, 'locked')
    if (!root) {
      mkdirSync(place)
      chmodSync(place, 0o500)
    }
    for (const line of [`--save ${place}/w.safetensors`, `--report ${place}/r.html`, '']) {
      const { stdout, stderr, status } = await mnist(line, undefined, line ? folder : place)
      expect(stderr).toMatch(/can't be written: .* takes no new file \(E[A-Z]+\)/)
      expect({ stdout, status }).toEqual({ stdout: '', status: 1 })
    }
  })
})

describe('an end before its time', () => {
  it('Ctrl-C in the first epoch: table and report say so, the weights are there, and the code is 130', async () => {
    // An epoch of cnn-bn with so many batches is long enough for any machine.
    writeSmallMnist(join(folder, 'digits'), 6400, 64)
    let sent = false
    const run = await mnist('--batch-size 2 --net cnn-bn --save w.safetensors', (stdout, kill) => {
      if (!sent && stdout.includes('\ncnn-bn\n')) kill('SIGINT')
      sent ||= stdout.includes('\ncnn-bn\n')
    })
    expect(run).toMatchObject({ status: 130, stderr: '', signal: null })
    const words =
      /interrupted in epoch 1 of 5, (before it had a figure|after [\d,]+ of 3,200 batches: Train Loss \d)/
    const [table = '', curves] = run.stdout.slice(run.stdout.indexOf('\nnet ')).split('\n\n')
    expect(table).toMatch(words)
    expect(curves).toBe('Curves: simdgrad-report-cnn-bn-batch-size-2-data-digits-interrupted.html\n')
    const [report = ''] = files()
    expect(files()).toEqual([report, 'w.safetensors'])
    expect(readFileSync(join(folder, report), 'utf8')).toMatch(words)
  })

  it('Ctrl-C with --json: a last line that says so', async () => {
    let sent = false
    const { stdout, status } = await mnist('--net mlp --epochs 100000 --json', (text, kill) => {
      if (!sent && text.split('\n').length > 2) {
        sent = true
        kill('SIGINT')
      }
    })
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(records.length).toBeGreaterThan(2)
    expect(records.at(-1)).toMatchObject({ net: 'mlp', interrupted: true, epoch: records.length - 1 })
    expect(records.slice(0, -1).some((record) => 'interrupted' in record)).toBe(false)
    expect(status).toBe(130)
  })

  it('a loss that is NaN: what was trained is saved and reported, and the code is 1', async () => {
    const { stdout, stderr, status } = await mnist('--net mlp --epochs 50 --lr 1e30 --save w.safetensors')
    expect(stderr).toMatch(/^simdgrad: fit: the training loss is /)
    expect(status).toBe(1)
    expect(stdout).toMatch(/\nnet .*\nmlp .*\n {5}stopped by an error in epoch \d+ of 50/)
    expect(files().sort()).toEqual([
      'simdgrad-report-mlp-epochs-50-lr-1e+30-data-digits-stopped.html',
      'w.safetensors',
    ])
  })
})

describe('checkpoints', () => {
  const hashes = (stdout: string) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).weightsHash)

  it('go on after a kill to the very weights, on another number of threads, and name what differs', async () => {
    writeSmallMnist(join(folder, 'digits'), 3200, 64)
    const line = '--net cnn-bn --epochs 3 --json'
    const whole = hashes((await mnist(`${line} --threads 2`)).stdout)
    const saving = `${line} --checkpoint runs --checkpoint-every 7`
    // No record is printed before an epoch is done, but its checkpoint may be there.
    const killed = await mnist(`${saving} --threads 1`, (_, kill) => kill('SIGKILL'))
    expect(killed.signal).toBe('SIGKILL')
    const again = await mnist(`${saving} --threads 2`)
    expect(again.stderr).toMatch(/^simdgrad: Checkpoint: runs\/cnn-bn has checkpoints .*resume: true/)
    const other = await mnist(`${saving} --resume --lr 0.2`)
    expect(other.stderr).toMatch(/is of another training: lr was 0\.1, and is 0\.2/)
    const resumed = await mnist(`${saving} --resume --threads 2`)
    expect(resumed).toMatchObject({ status: 0, stderr: '' })
    expect(hashes(resumed.stdout).at(-1)).toBe(whole[2])
    expect(hashes(resumed.stdout)).toEqual(whole.slice(-hashes(resumed.stdout).length))
    const finished = await mnist('--net cnn-bn --epochs 3 --checkpoint runs --resume')
    expect(finished.stdout).toMatch(
      /Goes on from runs\/cnn-bn\/checkpoint-0000000300\.safetensors: epoch 4, step 300/,
    )
    // The epochs of before are in the table and in the report.
    expect(finished.stdout.split('\n').filter((text) => text.startsWith('Epoch '))).toHaveLength(3)
    expect(finished.stdout).toMatch(/\ncnn-bn {2}3 /)
  })

  it('are written on Ctrl-C', async () => {
    writeSmallMnist(join(folder, 'digits'), 6400, 64)
    const line = '--net cnn-bn --batch-size 2 --epochs 1 --checkpoint runs'
    let sent = false
    const run = await mnist(line, (stdout, kill) => {
      if (!sent && stdout.includes('\ncnn-bn\n')) setTimeout(() => kill('SIGINT'), 500)
      sent ||= stdout.includes('\ncnn-bn\n')
    })
    expect(run).toMatchObject({ status: 130, stderr: '' })
    expect(run.stdout).toContain('--resume goes on with the last checkpoint.')
    expect(readdirSync(join(folder, 'runs', 'cnn-bn'))).toHaveLength(1)
  })
})
