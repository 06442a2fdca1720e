// Fuzzes what reads files with more cases than `npm test` does:
//   npm run fuzz:parsers                              100,000 a parser
//   npm run fuzz:parsers -- 5000 safetensors          so many, of one parser
//   npm run fuzz:parsers -- 5000 onnx --seed 1000     others: each seed is larger by 1000
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ options: { seed: { type: 'string' } }, allowPositionals: true })
const [cases = '100000', ...names] = positionals
const root = fileURLToPath(new URL('../..', import.meta.url))
const files = names.length > 0 ? names.map((name) => `test/parsers/${name}`) : ['test/parsers']
const { status } = spawnSync(
  process.execPath,
  [`${root}node_modules/vitest/vitest.mjs`, 'run', ...files, '--testTimeout=0', '--maxWorkers=1'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SIMDGRAD_PARSER_CASES: cases, SIMDGRAD_PARSER_SEED: values.seed ?? '0' },
  },
)
process.exitCode = status ?? 1
