// Predictions over HTTP, of Node's own modules alone: what a service of one's own may begin with.
//
//   node examples/serve/server.mjs --weights net.safetensors [--port 8080] [--workers 2] [--waiting 1024]
//   curl -d '[0, 0, …]' localhost:8080/predict         784 numbers, as JSON or as float32 bytes
//
// POST /predict answers { "answer": [10 numbers], "class": the largest one's place }; 400 says what is wrong with a request,
// 413 that it is too long, 503 with Retry-After that there is no room. GET /health is 200 while there are workers. SIGTERM
// stops it gracefully: what has come is answered. Without --weights it trains a net first, on 12,000 digits.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { ANSWER, BATCH_SIZES, ROW } from './net.mjs'
import { BusyError, Pool } from './pool.mjs'

/** Bytes of a request: 784 numbers as JSON are some 16 kB. */
const LONGEST = 64 * 1024

/** A request that can't be right. */
class BadRequest extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** @param {import('node:http').IncomingMessage} request */
async function bodyOf(request) {
  const parts = []
  let length = 0
  for await (const part of request) {
    length += part.length
    if (length > LONGEST) throw new BadRequest(413, `a request has ${LONGEST} bytes at most`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** @param {Buffer} body @param {string | undefined} type @returns {Float32Array} */
function rowOf(body, type) {
  let row
  if (type === 'application/octet-stream') {
    if (body.length !== 4 * ROW) throw new BadRequest(400, `expected ${4 * ROW} bytes, got ${body.length}`)
    // A copy, for a Buffer may begin anywhere.
    row = new Float32Array(new Uint8Array(body).buffer)
  } else {
    let values
    try {
      values = JSON.parse(body.toString())
    } catch {
      throw new BadRequest(400, `expected ${ROW} numbers as JSON, and this is none`)
    }
    if (!Array.isArray(values) || values.length !== ROW || !values.every((one) => typeof one === 'number')) {
      throw new BadRequest(400, `expected an array of ${ROW} numbers`)
    }
    row = Float32Array.from(values)
  }
  if (!row.every(Number.isFinite))
    throw new BadRequest(400, 'a number is not finite, or larger than float32 has')
  return row
}

/**
 * A server, not listening yet. `stop` lets it end what it has begun.
 *
 * @param {Pool} pool
 */
export function serve(pool) {
  let stopping = false
  /** @param {import('node:http').ServerResponse} response @param {number} status @param {unknown} value */
  const answer = (response, status, value) => {
    const text = JSON.stringify(value)
    /** @type {Record<string, string | number>} */
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
    if (status === 503) headers['Retry-After'] = 1
    // The client of a connection that stays open would come back, and find nobody. And who sends too much is not read.
    if (stopping || status === 413) headers.Connection = 'close'
    response.writeHead(status, headers).end(text)
  }
  const server = createServer(async (request, response) => {
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    try {
      if (request.url === '/health' && request.method === 'GET') {
        const { ready, waiting, answered, replaced } = pool
        answer(response, ready > 0 && !stopping ? 200 : 503, { ready, waiting, answered, replaced })
      } else if (request.url !== '/predict') answer(response, 404, { error: 'there is POST /predict' })
      else if (request.method !== 'POST') answer(response, 405, { error: 'expected a POST' })
      else {
        const row = rowOf(await bodyOf(request), request.headers['content-type'])
        const result = await pool.predict(row, gone.signal)
        answer(response, 200, { answer: [...result], class: result.indexOf(Math.max(...result)) })
      }
    } catch (error) {
      if (gone.signal.aborted) return
      const message = error instanceof Error ? error.message : String(error)
      const status = error instanceof BadRequest ? error.status : error instanceof BusyError ? 503 : 500
      answer(response, status, { error: message })
    }
  })
  const stop = async () => {
    stopping = true
    server.close()
    server.closeIdleConnections()
    if (server.listening) await once(server, 'close')
    await pool.close()
  }
  return { server, stop }
}

/** @param {string} weights @param {{ workers: number, maxWaiting?: number, timeout?: number, more?: object }} options */
export function makePool(weights, { workers, maxWaiting, timeout, more }) {
  return new Pool({
    script: new URL('./predict-worker.mjs', import.meta.url),
    workerData: { weights, ...more },
    workers,
    answer: ANSWER,
    maxBatch: BATCH_SIZES[BATCH_SIZES.length - 1],
    ...(maxWaiting !== undefined && { maxWaiting }),
    ...(timeout !== undefined && { timeout }),
  })
}

async function main() {
  const { values } = parseArgs({
    options: {
      weights: { type: 'string' },
      port: { type: 'string', default: '8080' },
      workers: { type: 'string', default: String(Math.max(1, cpus().length - 1)) },
      waiting: { type: 'string', default: '1024' },
    },
  })
  let { weights } = values
  if (weights === undefined) {
    const { trainDigits } = await import('./train.mjs')
    weights = join(tmpdir(), `simdgrad-serve-${process.pid}.safetensors`)
    await trainDigits(weights)
  }
  const pool = makePool(weights, { workers: Number(values.workers), maxWaiting: Number(values.waiting) })
  const { server, stop } = serve(pool)
  server.listen(Number(values.port))
  await once(server, 'listening')
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`listening on port ${address.port}, ${values.workers} workers`)
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, async () => {
      await stop()
      console.log(
        `stopped: ${pool.answered} answered, ${pool.batches} batches, ${pool.replaced} workers replaced`,
      )
    })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
