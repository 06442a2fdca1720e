// The packed tarball, installed in fresh folders outside of the checkout.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** @param {string} relative to this folder */
export const here = (relative) => fileURLToPath(new URL(relative, import.meta.url))

export const root = here('../..')

const modules = createRequire(import.meta.url)

/** The path of a file of a package of this folder. @param {string} file such as `rollup/package.json` */
export function installedFile(file) {
  try {
    return modules.resolve(file)
  } catch (cause) {
    throw new Error(`${file} is not installed; npm ci --prefix test/package brings it`, { cause })
  }
}

/** A package of this folder, which the checkout does not need. @param {string} name @returns {Promise<any>} */
export const needed = (name) => import(pathToFileURL(installedFile(name)).href)

/** All that a run writes; removed at its end. */
const scratch = mkdtempSync(join(tmpdir(), 'simdgrad-package-'))

export const cleanUp = () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })

/** @param {string[]} args @param {string} cwd */
const npm = (args, cwd) =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

/** @type {string | undefined} */
let project

/** The folder where npm has installed the tarball. */
export function installed() {
  if (!project) throw new Error('pack() comes first')
  return project
}

/** Packs the checkout. @returns {{ tarball: string, files: string[] }} */
export function pack() {
  const [packed] = JSON.parse(npm(['pack', '--json', '--silent', '--pack-destination', scratch], root))
  const tarball = join(scratch, packed.filename)
  // npm installs it once; every fresh folder gets a copy.
  project = join(scratch, 'installed')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  npm(['install', '--no-audit', '--no-fund', '--silent', tarball], project)
  return { tarball, files: packed.files.map((/** @type {{ path: string }} */ { path }) => path) }
}

/** A folder with nothing in it. @param {string} name */
export function emptyFolder(name) {
  const folder = join(scratch, name)
  mkdirSync(folder)
  return folder
}

/**
 * A project of its own with the package installed.
 *
 * @param {string} name
 * @param {string[]} apps files of apps/
 * @param {Record<string, string>} files what else is in it
 */
export function freshProject(name, apps, files = {}) {
  const folder = join(scratch, name.replaceAll(' ', '-'))
  cpSync(installed(), folder, { recursive: true })
  for (const app of apps) cpSync(here(`apps/${app}`), join(folder, basename(app)))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}
