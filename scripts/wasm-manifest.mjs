// What ties the committed binaries to what they were made from, the crate's sources and the build's scripts, and to
// themselves: test/bindings/manifest.test.ts fails when any of them is another one than the manifest says.
//   node scripts/wasm-manifest.mjs   writes the manifest alone: for binaries that were built from these very sources
//                                    and flags, but elsewhere. `npm run build:wasm` writes it by itself.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The eight binaries, by their files' names without the ending: those that end in `core` lack the kernels that few
 * use, and the others have all.
 */
export const BUILDS = ['unshared', 'shared'].flatMap((memory) =>
  ['strict', 'relaxed'].flatMap((simd) => [`${simd}-${memory}`, `${simd}-${memory}-core`]),
)

/**
 * Hashes, in hex: of all that the crate is made of, of the scripts that build, with their flags, and of each binary.
 *
 * @typedef {{ sources: string, flags: string }} Inputs
 * @typedef {Inputs & { binaries: Record<string, string> }} Manifest
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const crateOf = (/** @type {string} */ checkout) => join(checkout, 'crates/bnkernels')
const SCRIPTS = ['build-wasm', 'wasm-instructions', 'wasm-functions', 'wasm-order']
const scriptsOf = (/** @type {string} */ checkout) =>
  SCRIPTS.map((name) => join(checkout, `scripts/${name}.mjs`))
const binariesOf = (/** @type {string} */ checkout) => join(checkout, 'src/bindings/wasm')

/** A text, however git checked its line ends out. @param {string} path */
const textOf = (path) => readFileSync(path, 'utf8').replaceAll('\r\n', '\n')

/** @param {string | Uint8Array} content */
const sha256 = (content) => createHash('sha256').update(content).digest('hex')

/**
 * SHA-256 over the names and contents of all that the binaries are made from.
 * @param {string} crate the crate's folder
 */
export function sourcesHash(crate) {
  const hash = createHash('sha256')
  const files = ['Cargo.toml', 'Cargo.lock']
  /** @param {string} folder */
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) visit(path)
      else files.push(relative(crate, path).split('\\').join('/'))
    }
  }
  visit(join(crate, 'src'))
  for (const file of files.sort()) {
    const text = textOf(join(crate, file))
    hash.update(`${file}\0${text.length}\0${text}`)
  }
  return hash.digest('hex')
}

/** What binaries are made from now. @returns {Inputs} */
export function inputsNow(checkout = root) {
  return {
    sources: sourcesHash(crateOf(checkout)),
    flags: sha256(scriptsOf(checkout).map(textOf).join('\0')),
  }
}

/** What a manifest of the checkout should say. @returns {Manifest} */
export function manifestNow(checkout = root, inputs = inputsNow(checkout)) {
  const hashes = BUILDS.map((name) => [
    name,
    sha256(readFileSync(join(binariesOf(checkout), `${name}.wasm`))),
  ])
  return { ...inputs, binaries: Object.fromEntries(hashes) }
}

/**
 * Writes the manifest alone.
 *
 * @param {string} [checkout]
 * @param {Inputs} [inputs] what the binaries were made from, where that may have changed since
 */
export function writeManifest(checkout, inputs) {
  const path = join(binariesOf(checkout ?? root), 'manifest.json')
  writeFileSync(path, `${JSON.stringify(manifestNow(checkout, inputs), null, 2)}\n`)
}

/** What is not as the manifest says, in words; nothing where all is. @returns {string[]} */
export function staleParts(checkout = root) {
  /** @type {Partial<Manifest>} */
  const said = JSON.parse(readFileSync(join(binariesOf(checkout), 'manifest.json'), 'utf8'))
  const now = manifestNow(checkout)
  return [
    ...(said.sources === now.sources ? [] : ["the crate's sources"]),
    ...(said.flags === now.flags ? [] : ['the scripts that build, with their flags']),
    ...BUILDS.filter((name) => said.binaries?.[name] !== now.binaries[name]).map((name) => `${name}.wasm`),
  ]
}

/**
 * A WebAssembly binary without its custom sections (the names of functions and the like), which nobody
 * needs at run time and everybody would download.
 * @param {Uint8Array} binary
 */
export function withoutCustomSections(binary) {
  const kept = [binary.subarray(0, 8)]
  for (let at = 8; at < binary.length; ) {
    const start = at
    const id = binary[at++]
    let size = 0
    for (let shift = 0, more = true; more; shift += 7) {
      size |= (binary[at] & 0x7f) << shift
      more = binary[at++] >= 0x80
    }
    at += size
    if (id !== 0) kept.push(binary.subarray(start, at))
  }
  return Buffer.concat(kept)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeManifest()
