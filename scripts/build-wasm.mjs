// Rebuilds the four binaries from crates/bnkernels with wasm-pack, and writes the manifest.
//   npm run build:wasm            all four
//   npm run build:wasm -- strict  those whose name contains "strict"
//
// Needs wasm-pack, wasm-bindgen-cli (at the crate's version of wasm-bindgen), wasm-ld, and a cargo whose
// sysroot has the standard library's source (rustup: nightly with rust-src; Debian: rustc-web, cargo-web,
// rust-web-src, lld-22). `.ci/run` shows how they are installed.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MAX_PAGES, sourcesHash } from './wasm-manifest.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const crate = join(root, 'crates/bnkernels')
const out = join(root, 'src/bindings/wasm')

const BUILDS = ['strict-unshared', 'relaxed-unshared', 'strict-shared', 'relaxed-shared']

const sharedArguments = [
  '--shared-memory',
  '--import-memory',
  `--max-memory=${MAX_PAGES * 65536}`,
  ...['__wasm_init_tls', '__tls_size', '__tls_align', '__tls_base', '__heap_base'].map((s) => `--export=${s}`),
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
  const linker = names.find((name) => spawnSync(name, ['-flavor', 'wasm', '--version']).status === 0 || spawnSync(name, ['--version']).status === 0)
  if (!linker) throw new Error(`no linker was found; looked for ${names.join(', ')}`)
  return linker
}

const [PATH, sysroot] = findToolchain()
const linker = findLinker()
// wasm-pack asks for this folder before it builds; std itself is built from source.
mkdirSync(join(sysroot, 'lib/rustlib/wasm32-unknown-unknown/lib'), { recursive: true })
mkdirSync(out, { recursive: true })

for (const name of BUILDS.filter((build) => build.includes(process.argv[2] ?? ''))) {
  const [simd, memory] = name.split('-')
  const features = ['+simd128', '+bulk-memory', '+mutable-globals']
  if (simd === 'relaxed') features.push('+relaxed-simd')
  if (memory === 'shared') features.push('+atomics')
  const flags = [
    ...['-C', `linker=${linker}`, '-C', `target-feature=${features.join(',')}`],
    ...['-Zunstable-options', '-Cpanic=immediate-abort', '-Zlocation-detail=none'],
    ...[`--remap-path-prefix=${root}=`, `--remap-path-prefix=${process.env.HOME}=`],
    ...(memory === 'shared' ? sharedArguments.flatMap((argument) => ['-C', `link-arg=${argument}`]) : []),
  ]
  const folder = join(tmpdir(), `simdgrad-wasm-${name}`)
  console.log(`building ${name}`)
  execFileSync(
    'wasm-pack',
    ['build', crate, '--release', '--target', 'web', '--mode', 'no-install', '--no-pack', '--out-dir', folder,
      '--', '-Zbuild-std=std,panic_abort'],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH,
        RUSTC_BOOTSTRAP: '1',
        CARGO_ENCODED_RUSTFLAGS: flags.join('\x1f'),
        CARGO_TARGET_DIR: join(crate, 'target', name),
      },
    },
  )
  copyFileSync(join(folder, 'bnkernels_bg.wasm'), join(out, `${name}.wasm`))
  if (simd === 'strict') {
    copyFileSync(join(folder, 'bnkernels.js'), join(out, `${memory}.js`))
    copyFileSync(join(folder, 'bnkernels.d.ts'), join(out, `${memory}.d.ts`))
  } else if (readFileSync(join(folder, 'bnkernels.js'), 'utf8') !== readFileSync(join(out, `${memory}.js`), 'utf8')) {
    throw new Error(`the glue of ${name} differs from the strict build's`)
  }
  rmSync(folder, { recursive: true })
}
writeFileSync(join(out, 'manifest.json'), `${JSON.stringify({ sources: sourcesHash(crate) }, null, 2)}\n`)
