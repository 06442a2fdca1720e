// What ties the committed binaries to the crate's sources: test/bindings/manifest.test.ts fails when the
// sources were changed and the binaries were not rebuilt.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The most 64-KiB pages that a memory may grow to: 2 GiB. */
export const MAX_PAGES = 32768

/** SHA-256 over the names and contents of all that the binaries are made from. */
export function sourcesHash(crate) {
  const hash = createHash('sha256')
  const files = ['Cargo.toml', 'Cargo.lock']
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
