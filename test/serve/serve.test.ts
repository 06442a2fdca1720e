/** The example service, with the built package: `npm run build` first. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeState, manualSeed, noGrad, randn, saveSafetensors, tensor } from 'simdgrad'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeNet, ROW } from '../../examples/serve/net.mjs'
import type { Pool } from '../../examples/serve/pool.mjs'
import { makePool, serve } from '../../examples/serve/server.mjs'
import { initForTest } from '../support/init.js'

const folder = mkdtempSync(join(tmpdir(), 'simdgrad-serve-'))
const weights = join(folder, 'net.safetensors')
let net: ReturnType<typeof makeNet>

/** Numbers that make a worker die, and stand still. */
const [KILL, HANG] = [12345, 54321]

beforeAll(async () => {
  await initForTest()
  manualSeed(0)
  net = makeNet()
  expect(encodeState(net.stateDict()).length).toBeGreaterThan(1000)
  await saveSafetensors(weights, net.stateDict())
})
afterAll(() => rmSync(folder, { recursive: true }))

let open: { pool: Pool; stop: () => Promise<void> } | undefined
afterEach(async () => {
  await open?.stop()
  open = undefined
})

/** A service with its address. */
async function start(options: { workers?: number; maxWaiting?: number; timeout?: number } = {}) {
  const pool = makePool(weights, { workers: 2, more: { kill: KILL, hang: HANG }, ...options })
  const { server, stop } = serve(pool)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  while (pool.ready < (options.workers ?? 2)) await new Promise((resolve) => setTimeout(resolve, 5))
  open = { pool, stop }
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  const send = (
    body: string | Uint8Array,
    { path = '/predict', method = 'POST', type = 'application/json' } = {},
  ) =>
    new Promise<{
      status: number
      headers: Record<string, unknown>
      body: { answer: number[]; error: string }
    }>((resolve, reject) => {
      const sent = request({
        port,
        host: '127.0.0.1',
        path,
        method,
        agent,
        headers: { 'content-type': type },
      })
      sent.on('response', async (response) => {
        let text = ''
        for await (const part of response) text += part
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) })
      })
      sent.on('error', reject)
      sent.end(method === 'GET' ? undefined : body)
    })
  return { pool, stop, send, port }
}

const rowOf = (seed: number) => {
  manualSeed(seed)
  return [...randn([ROW]).toFloat32Array()]
}

function expectRight(answer: readonly number[], row: readonly number[]): void {
  const expected = noGrad(() => net.eval().forward(tensor([row]))).toFloat32Array()
  const largest = Math.max(...expected.map(Math.abs))
  expect(answer).toHaveLength(10)
  for (const [i, value] of expected.entries())
    expect(Math.abs(answer[i] - value)).toBeLessThan(1e-5 * largest)
}

describe('the service of examples/serve', () => {
  it('answers as the net does, many at once in batches, as JSON and bytes', async () => {
    const { send, pool } = await start()
    const rows = Array.from({ length: 150 }, (_, i) => rowOf(i))
    const answers = await Promise.all(
      rows.map((row, i) =>
        i % 2
          ? send(JSON.stringify(row))
          : send(new Uint8Array(Float32Array.from(row).buffer), { type: 'application/octet-stream' }),
      ),
    )
    for (const [i, { status, body }] of answers.entries()) {
      expect(status).toBe(200)
      expectRight(body.answer, rows[i])
    }
    expect(pool.answered).toBe(150)
    // Rows that came together, whatever else the machine does: the two workers take one each, then as many as may be.
    const before = pool.batches
    await Promise.all(rows.map((row) => pool.predict(Float32Array.from(row))))
    expect(pool.batches - before).toBe(2 + Math.ceil(148 / pool.options.maxBatch))
    expect((await send('', { path: '/health', method: 'GET' })).status).toBe(200)
  })

  it('says what is wrong with a request, and stays', async () => {
    const { send } = await start({ workers: 1 })
    const cases: [string, { path?: string; method?: string; type?: string }, number, RegExp][] = [
      ['{', {}, 400, /as JSON/],
      ['[1, 2]', {}, 400, /784 numbers/],
      [JSON.stringify(Array(ROW).fill('a')), {}, 400, /784 numbers/],
      [JSON.stringify(Array(ROW).fill(1e300)), {}, 400, /not finite/],
      ['abcd', { type: 'application/octet-stream' }, 400, /3136 bytes, got 4/],
      ['x'.repeat(100_000), {}, 413, /at most/],
      ['', { path: '/other' }, 404, /predict/],
      ['', { method: 'PUT' }, 405, /POST/],
    ]
    for (const [body, options, status, message] of cases) {
      const answer = await send(body, options)
      expect([answer.status, answer.body.error]).toEqual([status, expect.stringMatching(message)])
    }
    expect((await send(JSON.stringify(rowOf(1)))).status).toBe(200)
  })

  it('refuses with 503 what it has no room for, and answers the rest', async () => {
    const { send, pool } = await start({ workers: 1, maxWaiting: 4, timeout: 60_000 })
    const rows = Array.from({ length: 120 }, (_, i) => rowOf(i))
    const answers = await Promise.all(rows.map((row) => send(JSON.stringify(row))))
    const [right, busy] = [200, 503].map((code) => answers.filter(({ status }) => status === code))
    expect(right.length + busy.length).toBe(120)
    expect(right.length).toBe(pool.answered)
    for (const { headers } of busy) expect(headers['retry-after']).toBe('1')
    // By the pool itself, which no timing decides: of more rows than there is room for at once, the rest is refused.
    const row = Float32Array.from(rowOf(1))
    const settled = await Promise.allSettled(Array.from({ length: 50 }, () => pool.predict(row)))
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    expect(
      settled.filter((one) => one.status === 'rejected' && one.reason.name === 'BusyError'),
    ).toHaveLength(45)
  })

  it('loses nothing when a worker dies in mid-request: only the row that kills workers is given up', async () => {
    const { send, pool } = await start()
    const rows = Array.from({ length: 80 }, (_, i) => rowOf(i))
    rows[40][3] = KILL
    const answers = await Promise.all(rows.map((row) => send(JSON.stringify(row))))
    for (const [i, { status, body }] of answers.entries()) {
      if (i === 40) expect([status, body.error]).toEqual([500, '3 workers died of this row, or stood still'])
      else {
        expect(status).toBe(200)
        expectRight(body.answer, rows[i])
      }
    }
    expect(pool.replaced).toBe(3)
  })

  it('replaces a worker that stands still, and answers what it had', async () => {
    const { send, pool } = await start({ timeout: 1000 })
    const rows = Array.from({ length: 30 }, (_, i) => rowOf(i))
    rows[7][0] = HANG
    const answers = await Promise.all(rows.map((row) => send(JSON.stringify(row))))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(29)
    expect(answers[7].status).toBe(500)
    expect(pool.replaced).toBeGreaterThanOrEqual(3)
  })

  it('answers what it has when it stops, and nobody after', async () => {
    const { send, stop, pool } = await start({ workers: 1 })
    const rows = Array.from({ length: 60 }, (_, i) => rowOf(i))
    const answers = rows.map((row) => send(JSON.stringify(row)))
    while (pool.answered + pool.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
    const stopped = stop()
    const settled = await Promise.allSettled(answers)
    await stopped
    // What has not come to the server when it stops is told so: by 503, or by nobody who listens.
    const right = settled.filter((one) => one.status === 'fulfilled' && one.value.status === 200)
    expect(right).toHaveLength(pool.answered)
    expect(right.length).toBeGreaterThan(0)
    for (const one of settled) {
      if (one.status === 'fulfilled') expect([200, 503]).toContain(one.value.status)
      else expect(['ECONNREFUSED', 'ECONNRESET']).toContain(one.reason.code)
    }
    expect(pool.waiting).toBe(0)
    await expect(pool.predict(new Float32Array(ROW))).rejects.toThrow('the service is stopping')
    open = undefined
  })

  it('drops what a client that is gone waited for', async () => {
    const { pool } = await start({ workers: 1 })
    const row = Float32Array.from(rowOf(1))
    const gone = new AbortController()
    const first = pool.predict(row)
    const second = pool.predict(row, gone.signal)
    gone.abort()
    await expect(second).rejects.toThrow('the client is gone')
    expect(await first).toHaveLength(10)
    expect(pool.answered).toBe(1)
  })
})
