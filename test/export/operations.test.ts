/** Every case of operations.json as a file: it gives what the operation does, or is refused with its name. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ArgumentError, noGrad, type Tensor } from 'simdgrad'
import { toC, toJavaScript } from 'simdgrad/export'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arrayOf, C_FLAGS, cc, numbersOf } from '../support/c-compiler.js'
import { expectSame } from '../support/expect-same.js'
import { decodeTensor, type OperationCase, readFixture } from '../support/fixtures.js'
import { initForTest } from '../support/init.js'
import { OperationNet } from '../support/operation-net.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgrad-export-'))
beforeAll(initForTest)
afterAll(() => rmSync(folder, { recursive: true }))

const cases = readFixture<OperationCase[]>('operations.json').filter(({ inputs }) => inputs.length > 0)

/**
 * What has no form, in some cases at least: classes that nobody has counted, chance, losses that are one kernel or compute
 * their weights in JavaScript, and running statistics that move.
 */
const REFUSED = new Set(['oneHot', 'nllLoss', 'dropout', 'crossEntropy', 'binaryCrossEntropy', 'batchNorm'])

/** Sums of float32 in another order lose digits there. */
const isIllConditioned = ({ name }: OperationCase) =>
  /^(layer|group|instance)Norm mean far from zero/.test(name)

const tensorsOf = ({ inputs }: OperationCase) => inputs.map((input) => decodeTensor(input))

/** Undefined for one that is refused. */
function exported(each: OperationCase, write: typeof toC, name = 'predict'): string | undefined {
  try {
    return write(new OperationNet(each), { inputs: tensorsOf(each), name }).code
  } catch (error) {
    expect(error, each.name).toBeInstanceOf(ArgumentError)
    expect([...REFUSED], `${each.name}: ${(error as Error).message}`).toContain(each.op)
    return undefined
  }
}

function expectedOf(each: OperationCase): Tensor {
  return noGrad(() => new OperationNet(each).forward(...tensorsOf(each)))
}

describe.each([...new Set(cases.map(({ op }) => op))])('%s', (op) => {
  it('as JavaScript', async () => {
    for (const each of cases.filter((one) => one.op === op && !isIllConditioned(one))) {
      const code = exported(each, toJavaScript)
      if (code === undefined) continue
      const url = `data:text/javascript,${encodeURIComponent(code)}`
      const { predict } = (await import(/* @vite-ignore */ url)) as {
        predict(...values: ArrayLike<number>[]): Float32Array
      }
      const values = predict(...tensorsOf(each).map((x) => x.toFloat32Array()))
      const expected = expectedOf(each)
      expectSame({ shape: [...expected.shape], values }, expected, each.name)
    }
  })
})

describe.runIf(cc)('as C', () => {
  it('the first case of each operation', () => {
    const files: string[] = []
    const lines: string[] = []
    const all: [OperationCase, Tensor][] = []
    for (const each of cases) {
      if (all.some(([{ op }]) => op === each.op) || isIllConditioned(each)) continue
      const [inputs, expected] = [tensorsOf(each), expectedOf(each)]
      if ([...inputs, expected].some((x) => x.size === 0)) continue
      const i = all.length
      const code = exported(each, toC, `net${i}`)
      if (code === undefined) continue
      files.push(join(folder, `net${i}.c`))
      writeFileSync(files[i], code)
      const names = inputs.map((_, k) => `in${i}_${k}`)
      lines.push(
        `void net${i}(${[...inputs.map(() => 'const float *'), 'float *'].join(', ')});`,
        ...inputs.map((x, k) => arrayOf(names[k], x.toFloat32Array())),
        `static float out${i}[${expected.size}];`,
        `static void run${i}(void) {`,
        `  net${i}(${[...names, `out${i}`].join(', ')});`,
        `  for (int i = 0; i < ${expected.size}; i++) printf("%.9g\\n", out${i}[i]);`,
        '}',
      )
      all.push([each, expected])
    }
    expect(all.length).toBeGreaterThan(100)
    const main = join(folder, 'main.c')
    const calls = all.map((_, i) => `  run${i}();`)
    writeFileSync(
      main,
      [
        '#include <math.h>',
        '#include <stdio.h>',
        ...lines,
        'int main(void) {',
        ...calls,
        '  return 0;',
        '}',
      ].join('\n'),
    )
    const program = join(folder, 'all')
    execFileSync(cc ?? 'cc', [...C_FLAGS, ...files, main, '-lm', '-o', program])
    const numbers = numbersOf(execFileSync(program, { encoding: 'utf8', maxBuffer: 1 << 26 }))
    let from = 0
    for (const [each, expected] of all) {
      const values = numbers.slice(from, from + expected.size)
      from += expected.size
      expectSame({ shape: [...expected.shape], values }, expected, `${each.name}, as C`)
    }
  })
})
