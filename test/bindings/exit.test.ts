import { describe, expect, it } from 'vitest'
import { runScript } from './run-script.js'

/** What would keep the process from its end now: a worker that is held, a timer that is left. Pipes are its output's. */
const HELD =
  "process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap' && name !== 'CloseReq').join()"

const TRAIN = `
  const net = new nn.Linear(64, 64)
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 })
  for (let step = 0; step < 50; step++) {
    const loss = net.forward(randn([128, 64])).pow(2).mean()
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
  }
  console.log('done', chunksDone(backend.threads).length)`

describe.each([1, 2, 8])('a process with %i threads', (threads) => {
  it('ends by itself when its work is done, and nothing holds it up', async () => {
    const { status, stdout, stderr } = await runScript(`
      import { chunksDone, init, nn, optim, randn } from 'simdgrad'
      const backend = await init({ threads: ${threads} })
      const held = ${HELD}
      ${TRAIN}
      console.log('held by', held, ${HELD})`)
    expect(stderr).toBe('')
    expect(stdout).toBe(`done ${threads - 1}\nheld by  \n`)
    expect(status).toBe(0)
  })

  it('does not end before: while init is awaited, and while other work is under way', async () => {
    const { status, stdout, stderr } = await runScript(`
      import { chunksDone, init, nn, optim, randn } from 'simdgrad'
      import { setTimeout } from 'node:timers/promises'
      const backend = await init({ threads: ${threads} })
      console.log('started')
      await setTimeout(300)
      ${TRAIN}
      await setTimeout(300)
      console.log('end')`)
    expect(stderr).toBe('')
    // Node's status for an await that nothing was left to settle is 13.
    expect(status).toBe(0)
    expect(stdout).toBe(`started\ndone ${threads - 1}\nend\n`)
  })
})

it('ends when init alone was called, and when it was not awaited', async () => {
  for (const call of ['await init({ threads: 4 })', 'init({ threads: 4 })']) {
    const { status, stdout, stderr } = await runScript(
      `import { init } from 'simdgrad'\n${call}\nconsole.log('called')`,
    )
    expect({ stdout, stderr }).toEqual({ stdout: 'called\n', stderr: '' })
    // Held up, it would be killed, and have none.
    expect(status).toBe(0)
  }
})
