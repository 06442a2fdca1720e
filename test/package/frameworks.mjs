// The package in the frameworks that people have: a project of each in test/frameworks, as small as the framework allows,
// with the newest version pinned by its own lock file, installed anew for each run. Its page trains as all pages here do
// (apps/page.js), and its server, where it has one, at /api/train.
import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, ISOLATION, serve } from '../../bench/browsers.mjs'
import { check, expectTrained, leftOut } from './checks.mjs'
import { emptyFolder, here, installed } from './fresh.mjs'
import { newNode, npm, program, started } from './programs.mjs'
import { browsers, resultOf } from './web.mjs'

const APP = ['index.html', 'page.js', 'train.mjs', 'train-worker.js', 'locations.js']

/**
 * A fresh project of a framework with its packages and ours; undefined where they can't be had, which a row tells.
 *
 * @param {string} fixture its folder in test/frameworks
 * @param {string} [name] of the rows
 */
export async function project(fixture, name = fixture) {
  const folder = emptyFolder(`in-${name}`)
  let ready = false
  await check([name, '', 'npm ci'], async () => {
    cpSync(here(`../frameworks/${fixture}`), folder, {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    })
    // No package needs its script: what they would download is in packages of its own.
    await npm(folder, 'ci', '--ignore-scripts')
    cpSync(join(installed(), 'node_modules/simdgrad'), join(folder, 'node_modules/simdgrad'), {
      recursive: true,
    })
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    manifest.dependencies.simdgrad = '*'
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
    for (const app of APP) cpSync(here(`apps/${app}`), join(folder, app))
    ready = true
    return Object.entries(manifest.dependencies)
      .filter(([dependency]) => dependency !== 'simdgrad')
      .map((pair) => pair.join(' '))
      .join(', ')
  })
  return ready ? folder : undefined
}

/**
 * The page in each browser, on its own thread and in a Worker; and what the server says, where there is one.
 *
 * @param {string} name @param {string} how it was built @param {string} url
 * @param {{ page?: boolean, server?: { threads: number, code?: string, message?: RegExp } }} asked
 */
async function ask(name, how, url, { page = true, server }) {
  for (const browser of page ? await browsers() : []) {
    for (const where of ['page', 'worker']) {
      await check([name, browser.name, `${how}, in the ${where}`], async () => {
        const { result, tries } = await resultOf(browser, url, { where, threads: 2, deterministic: true })
        return expectTrained(result, { threads: 2, deterministic: true, kernels: result.kernels }) + tries
      })
    }
  }
  if (!server) return
  await check([name, 'its server', how], async () => {
    const result = await (await fetch(`${url}/api/train`)).json()
    if (!server.code) return expectTrained(result, { threads: server.threads, deterministic: true })
    if (result.code !== server.code || !server.message?.test(result.error))
      throw new Error(JSON.stringify(result))
    return `${result.code}, and the line that helps`
  })
}

/**
 * @typedef {object} Way of building and serving a project
 * @property {string} how
 * @property {string[]} [build] the program and what it is given
 * @property {string[]} [start] the server's; `PORT` stands for a free port. Without it, `out` is served
 * @property {string} [out] the folder that the build leaves
 * @property {Record<string, string>} [env]
 * @property {string} [without] a folder that is away meanwhile, as where one builds elsewhere
 * @property {boolean} [page] whether the page is asked. Default true
 * @property {{ threads: number, code?: string, message?: RegExp }} [server] what the server says, if there is one
 */

/** @param {string} name @param {Way[]} ways @param {string} [fixture] the project, if not of that name */
async function framework(name, ways, fixture = name) {
  const node = newNode()
  if (!node) {
    leftOut.push(
      `${name}: its newest version needs Node 22 or newer; npm ci --prefix test/runtimes brings it`,
    )
    return
  }
  const folder = await project(fixture, name)
  if (!folder) return
  for (const { how, build, start, out = '', env = {}, without, page, server } of ways) {
    let built = !build
    if (build) {
      await check([name, '', `builds: ${how}`], async () => {
        await program(node, folder, build, env)
        built = true
        return build.slice(1).join(' ')
      })
    }
    if (!built) continue
    const away = without && [join(folder, without), join(folder, 'away')]
    if (away) renameSync(away[0], away[1])
    /** @type {{ url: string, close: () => unknown } | undefined} */
    let site
    await check([name, '', `starts: ${how}`], async () => {
      site = start
        ? await started(node, folder, start, env)
        : await serve(files((path) => join(folder, out, path), ISOLATION))
      return ''
    })
    if (site) await ask(name, how, site.url, { page, server })
    await site?.close()
    if (away) renameSync(away[1], away[0])
  }
}

const next = 'node_modules/next/dist/bin/next'
const NEXT_LINE = /serverExternalPackages: \['simdgrad'\]/

/** @type {Record<string, () => Promise<void>>} */
export const FRAMEWORKS = {
  next: () =>
    framework('next', [
      {
        ...{ how: 'Turbopack', build: [next, 'build'], start: [next, 'start', '-p', 'PORT'] },
        server: { threads: 2 },
      },
    ]),
  'next-webpack': () =>
    framework(
      'next-webpack',
      [
        {
          ...{ how: 'webpack', build: [next, 'build', '--webpack'], start: [next, 'start', '-p', 'PORT'] },
          server: { threads: 2 },
        },
        {
          ...{ how: 'webpack, moved: the line', start: [next, 'start', '-p', 'PORT'], page: false },
          ...{ without: 'node_modules/simdgrad' },
          server: { threads: 0, code: 'unreachable', message: NEXT_LINE },
        },
        {
          ...{
            how: 'with a line',
            build: [next, 'build', '--webpack'],
            start: [next, 'start', '-p', 'PORT'],
          },
          ...{ env: { EXTERNAL: '1' }, page: false, server: { threads: 2 } },
        },
      ],
      'next',
    ),
  nuxt: () =>
    framework('nuxt', [
      {
        ...{ how: 'build', build: ['node_modules/nuxt/bin/nuxt.mjs', 'build'] },
        ...{ start: ['.output/server/index.mjs'], server: { threads: 2 } },
      },
      {
        how: 'dev, with a line',
        start: ['node_modules/nuxt/bin/nuxt.mjs', 'dev', '--port', 'PORT', '--host', '127.0.0.1'],
      },
    ]),
  astro: () =>
    framework('astro', [
      { how: 'build', build: ['node_modules/astro/bin/astro.mjs', 'build'], out: 'dist' },
      {
        how: 'dev, with a line',
        start: ['node_modules/astro/bin/astro.mjs', 'dev', '--port', 'PORT', '--host', '127.0.0.1'],
      },
    ]),
  sveltekit: () =>
    framework('sveltekit', [
      {
        ...{ how: 'build', build: ['node_modules/vite/bin/vite.js', 'build'] },
        ...{ start: ['server.mjs'], server: { threads: 2 } },
      },
      {
        how: 'dev, with a line',
        start: ['node_modules/vite/bin/vite.js', 'dev', '--port', 'PORT', '--host', '127.0.0.1'],
      },
    ]),
  rspack: () =>
    framework('rspack', [
      { how: 'build', build: ['node_modules/@rspack/cli/bin/rspack.js', 'build'], out: 'dist' },
    ]),
  rsbuild: () =>
    framework('rsbuild', [
      { how: 'build', build: ['node_modules/@rsbuild/core/bin/rsbuild.js', 'build'], out: 'dist' },
      {
        how: 'dev',
        start: ['node_modules/@rsbuild/core/bin/rsbuild.js', 'dev', '--port', 'PORT', '--host', '127.0.0.1'],
      },
    ]),
  parcel: () =>
    framework('parcel', [
      { how: 'build', build: ['node_modules/parcel/lib/bin.js', 'build', 'index.html'], out: 'dist' },
    ]),
}
