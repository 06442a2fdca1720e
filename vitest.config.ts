import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

// A process for each file, because `init` chooses a binary once for a process. Two at a time: many start
// threads of their own.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^simdgrad$/, replacement: path('./src/index.node.ts') },
      { find: /^simdgrad\/nets$/, replacement: path('./src/nets/index.ts') },
      { find: /^simdgrad\/distributed$/, replacement: path('./src/distributed/index.ts') },
      { find: /^simdgrad\/(train-in-worker|training-worker)$/, replacement: path('./src/in-worker/$1.ts') },
      { find: /^simdgrad\/export$/, replacement: path('./src/export/index.ts') },
      { find: /^simdgrad\/onnx$/, replacement: path('./src/onnx/index.node.ts') },
    ],
  },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // For what hangs. What is slow is no fault: a busy machine may stand still for half a minute.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/runtimes/**', 'test/onnxruntime/**', '**/node_modules/**'],
        },
      },
      // Needs dist/ and, but for threads.test.ts, `npm ci --prefix test/runtimes`.
      { extends: true, test: { name: 'runtimes', include: ['test/runtimes/*.test.ts'] } },
      // Needs `npm ci --prefix test/onnxruntime`.
      { extends: true, test: { name: 'onnxruntime', include: ['test/onnxruntime/*.test.ts'] } },
    ],
  },
})
