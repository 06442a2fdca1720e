// The built server with the headers on all that it sends: those of src/hooks.server.js do not reach scripts.
import { createServer } from 'node:http'
import { handler } from './build/handler.js'

createServer((request, response) => {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
  handler(request, response)
}).listen(Number(process.env.PORT), '127.0.0.1')
