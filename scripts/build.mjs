// Makes dist/ from src/: the compiler's output, and beside it the binaries and the workers.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
rmSync(join(root, 'dist'), { recursive: true, force: true })
execFileSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
cpSync(join(root, 'src/bindings/wasm'), join(root, 'dist/bindings/wasm'), { recursive: true })
chmodSync(join(root, 'dist/cli/main.js'), 0o755)
