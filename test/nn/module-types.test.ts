/**
 * What compiles and what does not. This file is checked with all others by tsc (`npx tsc --noEmit`), which fails where
 * a line below `@ts-expect-error` has no error; and the net runs.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cat, type data, fit, nn, type optim, randn, type Tensor } from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

/** Two inputs and two outputs, written as one would write it first. */
class Cell extends nn.Module {
  ih = new nn.Linear(3, 4)
  hh = new nn.Linear(4, 4)

  override forward(x: Tensor, h: Tensor): [y: Tensor, h: Tensor] {
    const next = this.ih.forward(x).add(this.hh.forward(h)).tanh()
    return [next.mul(2), next]
  }
}

/** With type arguments, by which a subclass is held. */
class Scaled extends nn.Module<[x: Tensor, scale: number], Tensor> {
  override forward(x: Tensor, scale: number): Tensor {
    return x.mul(scale)
  }
}

/** A net of one input, made of cells. */
class Recurrent extends nn.Module {
  cells = new nn.ModuleList([new Cell(), new Cell()])
  heads = new nn.ModuleDict({ mean: new nn.Linear(8, 1), scale: new nn.Linear(8, 1) })

  override forward(x: Tensor): Tensor {
    const all: Tensor[] = []
    for (const cell of this.cells) {
      const [y, h] = cell.forward(x, randn([x.shape[0], 4]))
      all.push(y.add(h))
    }
    const head = this.heads.get('mean')
    return head ? head.forward(cat(all, 1)) : x
  }
}

declare const options: { train: data.DataLoader; optimizer: optim.Optimizer; loss: nn.CrossEntropyLoss }

/** Never called: it has to compile. */
function types(): void {
  const [cell, scaled, net] = [new Cell(), new Scaled(), new Recurrent()]
  const [y, h] = cell.forward(randn([2, 3]), randn([2, 4]))
  y.add(h)
  const held: nn.Module<[x: Tensor, h: Tensor], [Tensor, Tensor]> = cell
  held.forward(y, h)[0].relu()
  const any: nn.AnyModule[] = [cell, scaled, net, new nn.Sequential()]
  any.map((one) => one.parameters())
  // As ever: a module without more is one of a tensor.
  const plain: nn.Module = new nn.Sequential(new nn.Linear(2, 2), net)
  plain.forward(y).relu()
  const list: nn.ModuleList = new nn.ModuleList([new nn.Linear(2, 2)])
  list.append(new nn.ReLU())
  for (const layer of list) layer.forward(y).relu()
  void fit(net, options)
  cell.registerForwardHook((module, [x], [out]) => {
    module.ih.forward(x).add(out)
  })
  cell.registerForwardHook((_, __, [a, b]) => [b, a])
  cell.registerForwardPreHook((_, [x, h0]) => [x.relu(), h0])
  plain.registerForwardPreHook((_, [x]) => x.relu())
  if (any[0] instanceof Cell) any[0].forward(y, h)

  // @ts-expect-error a cell takes two
  cell.forward(y)
  // @ts-expect-error and gives two
  cell.forward(y, h).relu()
  // @ts-expect-error a number, as declared
  scaled.forward(y, h)
  // @ts-expect-error fit's loss is one of what the net gives
  void fit(cell, options)
  // @ts-expect-error nor is it a layer of a Sequential
  new nn.Sequential(new nn.Linear(2, 2), cell)
  // @ts-expect-error nor a module of one tensor
  const wrong: nn.Module = cell
  // @ts-expect-error who knows what it takes
  any[0].forward(y)
  // @ts-expect-error a forward takes tensors
  plain.forward([1, 2])
  // @ts-expect-error a hook gives what the forward gives, or nothing
  plain.registerForwardHook(() => 3)
  // @ts-expect-error forward must be written
  ;new (class extends nn.Module {})()
  void wrong
}

describe('a forward of several inputs and outputs', () => {
  it('runs', () => {
    const net = new Recurrent()
    expect(net.forward(randn([2, 3])).shape).toEqual([2, 1])
    expect(Object.keys(net.stateDict())).toContain('cells.1.hh.weight')
    expect(types).toBeTypeOf('function')
  })

  it('is held to its types by tsc: the lines above, without their marks, do not compile', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const folder = mkdtempSync(join(root, 'test/nn/types-'))
    try {
      const head = "import { nn, randn, fit, type FitOptions, type Tensor } from 'simdgrad'\n"
      const cell =
        'class Cell extends nn.Module { override forward(x: Tensor, h: Tensor): [Tensor, Tensor] { return [x, h] } }\n'
      const good = `${head}${cell}export const [y] = new Cell().forward(randn([2]), randn([2]))\nvoid fit(new nn.Linear(2, 1), {} as FitOptions)\n`
      const bad = `${good}void fit(new Cell(), {} as FitOptions)\nnew nn.Sequential(new Cell())\nnew Cell().forward(y)\n`
      writeFileSync(join(folder, 'good.ts'), good)
      writeFileSync(join(folder, 'bad.ts'), bad)
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          extends: '../../../tsconfig.json',
          compilerOptions: { rootDir: '../../..' },
          include: ['*.ts'],
        }),
      )
      const output = compile(root, folder)
      expect(output).not.toMatch(/good\.ts/)
      expect([...output.matchAll(/bad\.ts\((\d+),/g)].map(([, line]) => line)).toEqual(['5', '6', '7'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 60_000)
})

/** What tsc says of a folder. */
function compile(root: string, folder: string): string {
  const tsc = join(root, 'node_modules/typescript/lib/tsc.js')
  try {
    return execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    return String((error as { stdout?: string }).stdout)
  }
}
