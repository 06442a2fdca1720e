// Rebuilds the eight binaries from crates/bnkernels with wasm-pack, and writes the bindings and the manifest.
//   npm run build:wasm                   all eight
//   npm run build:wasm -- strict-shared  the one of that name
//   npm run build:wasm -- core           those whose name contains "core"
// With KEEP_NAMES=1 the binaries keep the names of their functions, for profiles.
//
// Needs wasm-pack, wasm-bindgen-cli (at the crate's version of wasm-bindgen), wasm-ld, and a cargo whose
// sysroot has the standard library's source (rustup: nightly with rust-src; Debian: rustc-web, cargo-web,
// rust-web-src, lld-22). `.ci/run` shows how they are installed.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUILDS, inputsNow, withoutCustomSections, writeManifest } from './wasm-manifest.mjs'
import { orderFunctions } from './wasm-order.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const crate = join(root, 'crates/bnkernels')
const out = join(root, 'src/bindings/wasm')

/** The most 64-KiB pages that a memory may grow to: 2 GiB. */
const MAX_PAGES = 32768

const sharedArguments = [
  '--shared-memory',
  '--import-memory',
  `--max-memory=${MAX_PAGES * 65536}`,
  ...['__wasm_init_tls', '__tls_size', '__tls_align', '__tls_base', '__heap_base'].map(
    (s) => `--export=${s}`,
  ),
]

/** The first cargo that has the standard library's source beside it, as [PATH, sysroot]. */
function findToolchain() {
  for (const folder of [...(process.env.PATH ?? '').split(':'), '/usr/bin']) {
    const rustc = join(folder, 'rustc')
    if (!existsSync(rustc)) continue
    const sysroot = spawnSync(rustc, ['--print', 'sysroot'], { encoding: 'utf8' }).stdout?.trim()
    if (sysroot && existsSync(join(sysroot, 'lib/rustlib/src/rust/library/std/Cargo.toml'))) {
      return [`${folder}:${process.env.PATH}`, sysroot]
    }
  }
  throw new Error('no Rust toolchain with the source of std was found; .ci/run shows how to install one')
}

function findLinker() {
  const names = ['wasm-ld-22', 'wasm-ld', 'rust-lld']
  const linker = names.find(
    (name) =>
      spawnSync(name, ['-flavor', 'wasm', '--version']).status === 0 ||
      spawnSync(name, ['--version']).status === 0,
  )
  if (!linker) throw new Error(`no linker was found; looked for ${names.join(', ')}`)
  return linker
}

const [PATH, sysroot] = findToolchain()
const linker = findLinker()
// wasm-pack asks for this folder before it builds; std itself is built from source.
mkdirSync(join(sysroot, 'lib/rustlib/wasm32-unknown-unknown/lib'), { recursive: true })
mkdirSync(out, { recursive: true })

/**
 * Builds one binary.
 * @param {string} name
 */
async function build(name) {
  const [simd, memory, core] = name.split('-')
  const features = [
    '+simd128',
    '+bulk-memory',
    '+mutable-globals',
    ...(memory === 'shared' ? ['+atomics'] : []),
  ]
  const flags = [
    ...['-C', `linker=${linker}`, '-C', `target-feature=${features.join(',')}`],
    ...['-Zunstable-options', '-Cpanic=immediate-abort', '-Zlocation-detail=none'],
    // LLVM's loop strength reduction breaks up the constant offsets of loads in the inner loops, which V8 would
    // fold into its instructions: matmul runs at 35 instead of 50 GFLOPS with it.
    '-Cllvm-args=-disable-lsr',
    // A tenth of the download: the inner loops are written in vectors, and V8 unrolls short loops by itself. Of loops
    // with a fixed count only those of a tile or a window are unrolled, and not those over 16 or more of anything.
    ...['-Cno-vectorize-loops', '-Cllvm-args=-unroll-runtime=false', '-Cllvm-args=-unroll-full-max-count=12'],
    '-Cllvm-args=-inline-threshold=110',
    ...[`--remap-path-prefix=${root}=`, `--remap-path-prefix=${process.env.HOME}=`],
    // After a trap JavaScript puts the stack pointer back to where it was.
    ...['-C', 'link-arg=--export=__stack_pointer'],
    ...(memory === 'shared' ? sharedArguments.flatMap((argument) => ['-C', `link-arg=${argument}`]) : []),
  ]
  // Only this crate is told of relaxed SIMD, so that strict and relaxed share one build of std.
  const relaxed = [
    '-Zprofile-rustflags',
    '--config',
    'profile.release.package.bnkernels.rustflags=["-Ctarget-feature=+relaxed-simd"]',
  ]
  const folder = join(tmpdir(), `simdgrad-wasm-${process.pid}-${name}`)
  const start = performance.now()
  await run(
    'wasm-pack',
    [
      ...[
        'build',
        crate,
        '--release',
        '--target',
        'web',
        '--mode',
        'no-install',
        '--no-pack',
        '--out-dir',
        folder,
      ],
      ...[
        '--',
        '-Zbuild-std=std,panic_abort',
        '-Zbuild-std-features=',
        ...(simd === 'relaxed' ? relaxed : []),
        ...(core ? ['--no-default-features'] : []),
      ],
    ],
    {
      ...process.env,
      PATH,
      RUSTC_BOOTSTRAP: '1',
      CARGO_ENCODED_RUSTFLAGS: flags.join('\x1f'),
      CARGO_TARGET_DIR: join(crate, 'target', `wasm-${memory}`),
    },
  )
  const binary = readFileSync(join(folder, 'bnkernels_bg.wasm'))
  const kept = process.env.KEEP_NAMES ? binary : orderFunctions(withoutCustomSections(binary))
  writeFileSync(join(out, `${name}.wasm`), kept)
  // The types of the exports are the same for all (but that a shared one starts with a stack size); the
  // glue is ours (src/bindings/instantiate.js).
  if (memory === 'shared') copyFileSync(join(folder, 'bnkernels.d.ts'), join(out, 'bnkernels.d.ts'))
  rmSync(folder, { recursive: true })
  console.log(`built ${name} in ${((performance.now() - start) / 1000).toFixed(0)} s`)
}

/**
 * Runs a program; its output is shown if it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function run(program, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    /** @type {Buffer[]} */
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.on('error', reject)
    child.on('close', (status) => {
      if (status === 0) return resolve(undefined)
      process.stderr.write(Buffer.concat(output))
      reject(new Error(`${program} ${args.join(' ')} ended with ${status}`))
    })
  })
}

// The bindings must be those of the binaries.
await run('cargo', ['run', '--quiet', '--manifest-path', join(crate, 'Cargo.toml'), '--bin', 'bindings'], {
  ...process.env,
  PATH,
})
// Before the build: what is changed while it runs must make the manifest stale.
const inputs = inputsNow()
const asked = process.argv[2] ?? ''
const builds = BUILDS.includes(asked) ? [asked] : BUILDS.filter((name) => name.includes(asked))
console.log(`building ${builds.join(', ')}; each std takes a minute or two`)
// Side by side by memory, one after the other where std is shared.
await Promise.all(
  ['-unshared', '-shared'].map(async (memory) => {
    for (const name of builds.filter((build) => build.includes(memory))) await build(name)
  }),
)
// Part of them rebuilt is not all of them made from these sources.
if (builds.length === BUILDS.length) writeManifest(root, inputs)
