// What ties the committed binaries to the crate's sources: test/bindings/manifest.test.ts fails when the
// sources were changed and the binaries were not rebuilt.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The most 64-KiB pages that a memory may grow to: 2 GiB. */
export const MAX_PAGES = 32768

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
    const text = readFileSync(join(crate, file), 'utf8').replaceAll('\r\n', '\n')
    hash.update(`${file}\0${text.length}\0${text}`)
  }
  return hash.digest('hex')
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
