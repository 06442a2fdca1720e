// `npm test`: builds the package, checks types and style, and runs every test that this machine can run.
// The last line counts them all; the exit code is 1 when anything failed.
//   npm test                      everything
//   npm ci --prefix test/runtimes brings Node 26, Bun and Deno: then the relaxed binaries are tested on
//                                 any machine, and the weights' hash is compared across runtimes
//   npm ci --prefix docs          brings TypeDoc: then the docstrings and docs/api are tested
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBrowsers } from '../bench/browsers.mjs'
import { INSTALL_RUNTIMES, runtimePath, takesRelaxedSimd } from '../test/runtimes/runtimes.mjs'

/**
 * @typedef {{ name: string, passed: number, failed: number, skipped: number, seconds: number }} Result
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'simdgrad-test-'))
const inModules = (/** @type {string} */ path) => join(root, 'node_modules', path)

/** Colours are for a terminal, not for a log. */
const plain = process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: undefined }

/** What runs again on each further binary: what the kernels compute, and how a binary is loaded. */
const COMPUTING = [
  ...['test/autograd/', 'test/nn/', 'test/optim/', 'test/bindings/load.test.ts', 'test/fuzz/composition'],
  ...['gradients', 'frozen', 'kept', 'sums', 'empty'].map((name) => `test/faults/${name}`),
]

/** @type {Result[]} */
const results = []
/** @type {string[]} */
const leftOut = []

/**
 * @param {string} name
 * @param {() => Pick<Result, 'passed' | 'failed' | 'skipped'>} run
 */
function suite(name, run) {
  console.log(`\n=== ${name}`)
  const start = performance.now()
  const counts = run()
  results.push({ name, ...counts, seconds: (performance.now() - start) / 1000 })
  return counts.failed === 0
}

/**
 * A program whose success counts as one test.
 * @param {string} name
 * @param {string[]} args of this Node
 */
function single(name, ...args) {
  return suite(name, () => {
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
    return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 }
  })
}

/**
 * Vitest on some files.
 * @param {string} name
 * @param {string} node the Node that runs it
 * @param {string[]} args
 * @param {Record<string, string>} env
 */
function vitest(name, node, args, env) {
  suite(name, () => {
    const report = join(scratch, `${results.length}.json`)
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    // No `it.only` left behind. (Biome's rule for that takes our `fit` for Jasmine's, and is off.)
    const strict = '--allowOnly=false'
    const { status } = spawnSync(
      node,
      [inModules('vitest/vitest.mjs'), 'run', strict, ...args, ...reporters],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, ...plain, ...env },
      },
    )
    if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 }
    /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, testResults: { status: string, assertionResults: { status: string }[] }[] }} */
    const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    )
    // A file that fails without a failed test (it does not load, a hook throws) counts as one.
    const broken = testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    ).length
    const failed = numFailedTests + broken
    // Errors outside of any test leave nothing but the exit code.
    return {
      passed: numPassedTests,
      failed: failed === 0 && status !== 0 ? 1 : failed,
      skipped: numPendingTests,
    }
  })
}

/** Rust's own tests, by the first cargo on PATH. */
function rust() {
  suite('Rust: cargo test', () => {
    const { status, stdout } = spawnSync('cargo', ['test', '--quiet'], {
      cwd: join(root, 'crates/bnkernels'),
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
      env: { ...process.env, CARGO_TERM_COLOR: 'never' },
    })
    console.log(stdout)
    let [passed, failed, skipped] = [0, 0, 0]
    for (const [, ok, bad, ignored] of stdout.matchAll(
      /^test result:.* (\d+) passed; (\d+) failed; (\d+) ignored/gm,
    )) {
      passed += Number(ok)
      failed += Number(bad)
      skipped += Number(ignored)
    }
    return { passed, failed: failed === 0 && status !== 0 ? 1 : failed, skipped }
  })
}

/** Where all tests run. */
function main() {
  const built = single('build', 'scripts/build.mjs')
  single('types: tsc', inModules('typescript/bin/tsc'), '-p', 'tsconfig.json')
  single('style and lint: biome', inModules('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings')
  if (!built) leftOut.push('tests that use the built package may fail: the build failed')

  // TypeDoc needs an older TypeScript than the rest, and so has an install of its own.
  if (existsSync(join(root, 'docs/node_modules'))) {
    single('API reference: complete and current', '--test', 'docs/reference.test.mjs')
    single("manifests: Kubernetes' own schemas", '--test', 'docs/manifests.test.mjs')
  } else {
    leftOut.push(
      "the API reference's completeness, and the manifests: npm ci --prefix docs brings what checks them",
    )
  }

  const here = process.execPath
  const name = `Node ${process.versions.node}`
  vitest(`all tests on strict-shared, ${name}`, here, ['--project', 'unit'], {
    SIMDGRAD_TEST_BINARY: 'strict-shared',
  })
  const compute = (/** @type {string} */ binary, /** @type {string} */ runtime, /** @type {string} */ node) =>
    vitest(`computing on ${binary}, ${runtime}`, node, ['--project', 'unit', ...COMPUTING], {
      SIMDGRAD_TEST_BINARY: binary,
    })
  compute('strict-unshared', name, here)

  const other = runtimePath('node')
  const relaxed = takesRelaxedSimd() ? here : other
  if (relaxed) {
    for (const binary of ['relaxed-shared', 'relaxed-unshared']) {
      compute(binary, relaxed === here ? name : 'Node of test/runtimes', relaxed)
    }
  } else {
    leftOut.push(`the relaxed binaries: ${name} has no relaxed SIMD; ${INSTALL_RUNTIMES}`)
  }

  const reproducible = ['--project', 'runtimes']
  if (!other) {
    reproducible.push('test/runtimes/threads.test.ts')
    leftOut.push(`the comparison with Node 26, Bun and Deno: not installed; ${INSTALL_RUNTIMES}`)
  }
  vitest('reproducible to the bit', here, reproducible, {})

  if (existsSync(join(root, 'test/onnxruntime/node_modules'))) {
    vitest('exported nets in onnxruntime', here, ['--project', 'onnxruntime'], {})
  } else {
    leftOut.push('exported nets in onnxruntime: npm ci --prefix test/onnxruntime brings it')
  }

  if (spawnSync('cargo', ['--version']).status === 0) rust()
  else leftOut.push("Rust's own tests: no cargo was found")

  const missing = findBrowsers().filter(({ path }) => !path)
  const browsers = missing.map(({ name, install }) => `; no ${name} was found: ${install}`)
  leftOut.push(
    `the package and the demo in real browsers: npm run test:package and npm run test:demo${browsers.join('')}`,
  )
}

/** The table and the last line. */
function summary() {
  const width = Math.max(...results.map(({ name }) => name.length))
  const line = (/** @type {string[]} */ [name, ...cells]) =>
    console.log([name.padEnd(width), ...cells.map((cell) => cell.padStart(8))].join(' '))
  console.log('\n=== summary')
  line(['suite', 'passed', 'failed', 'skipped', 'seconds'])
  for (const { name, passed, failed, skipped, seconds } of results) {
    line([name, `${passed}`, `${failed}`, `${skipped}`, seconds.toFixed(1)])
  }
  for (const what of leftOut) console.log(`Left out: ${what}`)
  const sum = (/** @type {'passed' | 'failed'} */ key) =>
    results.reduce((total, result) => total + result[key], 0)
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`)
  process.exitCode = sum('failed') > 0 ? 1 : 0
}

try {
  main()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
summary()
