// What a run has to do with: the machine, the Nodes, Python, browsers.
import { existsSync, readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { INSTALL_RUNTIMES, runtimePath, takesRelaxedSimd } from '../test/runtimes/runtimes.mjs'
import { startSide } from './children.mjs'

/** @param {string} relative to bench/ */
export const here = (relative) => fileURLToPath(new URL(relative, import.meta.url))

export const root = here('..')

/** The machine, for the record. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()} ${arch()}`,
    load: loadavg().map((value) => Number(value.toFixed(2))),
  }
}

/** The version of an installed package, by its folder. @param {string} folder */
export function packageVersion(folder) {
  const path = join(root, folder, 'package.json')
  return existsSync(path) ? String(JSON.parse(readFileSync(path, 'utf8')).version) : undefined
}

/** The path of a program on PATH. @param {string} name */
export function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
}

/** The Python of the other side: it may have torch and jax. */
export const python = process.env.SIMDGRAD_PYTHON ?? 'python3'

/**
 * A way to run our side.
 *
 * @typedef {{ build: 'strict' | 'relaxed', command: string[], deterministic: boolean }} Build
 */

/**
 * Both builds: this Node and, where it has no relaxed SIMD, test/runtimes' Node too.
 *
 * @returns {{ builds: Build[], missing: string[] }}
 */
export function findBuilds() {
  const other = runtimePath('node')
  /** @type {Build} */
  const strict = { build: 'strict', command: [process.execPath], deterministic: true }
  if (takesRelaxedSimd()) {
    return {
      builds: [strict, { build: 'relaxed', command: [process.execPath], deterministic: false }],
      missing: [],
    }
  }
  if (other) {
    return { builds: [strict, { build: 'relaxed', command: [other], deterministic: false }], missing: [] }
  }
  const name = `Node ${process.versions.node}`
  return {
    builds: [strict],
    missing: [`the relaxed build: ${name} has no relaxed SIMD; ${INSTALL_RUNTIMES} (Node 26)`],
  }
}

/**
 * Starts our side.
 *
 * @param {Build} build
 * @param {number} threads
 * @param {readonly string[]} [more] options
 */
export function startOurs({ command, deterministic }, threads, more = []) {
  return startSide([
    ...command,
    here('ours/node.mjs'),
    '--threads',
    String(threads),
    ...(deterministic ? ['--deterministic'] : []),
    ...more,
  ])
}
