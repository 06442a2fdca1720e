// The pages of docs/ as a site: `npm run docs` builds it into docs/site. On GitHub the same files are read as they are,
// so links are written for there, and turned here into the site's own, or into the repository's.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { isLive } from './live.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
const repository = manifest.repository.url.replace(/^git\+|\.git$/g, '')

/** A heading's anchor, as GitHub makes it. @param {string} heading */
const slugify = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

/** A link out of docs/ leads to the repository, and one to a README to the page that it is here. @param {string} link @param {string} page path below docs/ */
function outside(link, page) {
  if (/^([a-z]+:|#|\/)/.test(link)) return link
  const [path, anchor] = link.split('#')
  const target = posix.join('docs', posix.dirname(page), path)
  if (posix.dirname(`${target}/x`).startsWith('docs') && /\.md$/.test(target)) {
    return link.replace('README.md', 'index.md')
  }
  if (!existsSync(root + target)) throw new Error(`${page} links to ${link}, which is not there`)
  const kind = statSync(root + target).isDirectory() ? 'tree' : 'blob'
  return `${repository}/${kind}/main/${target}${anchor ? `#${anchor}` : ''}`
}

/** The index's tables are the menu, so that a page that is listed there is found here. */
function sidebar() {
  const text = readFileSync(`${root}docs/README.md`, 'utf8')
  return text
    .split(/\n(?=\| [a-z ]+ \| \|\n)/)
    .slice(1)
    .map((table) => ({
      text: /^\| ([a-z ]+) \|/.exec(table)?.[1],
      items: Array.from(table.matchAll(/^\| \[([^\]]+)\]\(([^)]+)\.md\)/gm), ([, name, page]) => ({
        text: name,
        link: `/${page.replace(/README$/, '')}`,
      })),
    }))
}

export default defineConfig({
  title: 'simdgrad',
  description: manifest.description,
  lang: 'en',
  base: process.env.SIMDGRAD_DOCS_BASE ?? '/',
  outDir: './site',
  srcExclude: ['**/node_modules/**', 'site/**'],
  rewrites: { 'README.md': 'index.md', 'api/README.md': 'api/index.md' },
  // A dead link fails the build.
  ignoreDeadLinks: false,
  markdown: {
    anchor: { slugify },
    toc: { slugify },
    headers: { slugify },
    config(md) {
      md.core.ruler.push('links-of-the-repository', ({ tokens, env }) => {
        for (const { children } of tokens) {
          for (const token of children ?? []) {
            const link = token.type === 'link_open' && token.attrGet('href')
            if (link) token.attrSet('href', outside(link, env.relativePath))
          }
        }
      })
      const fence = md.renderer.rules.fence
      md.renderer.rules.fence = (tokens, index, ...rest) => {
        const shown = fence(tokens, index, ...rest)
        const { info, content } = tokens[index]
        if (info.trim() !== 'js' || !isLive(content)) return shown
        return `${shown}<LiveCode code="${Buffer.from(content).toString('base64')}" />\n`
      }
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guides', link: '/getting-started' },
      { text: 'API', link: '/api/' },
    ],
    sidebar: sidebar(),
    socialLinks: [{ icon: 'github', link: repository }],
    footer: { message: 'MIT licence' },
  },
  vite: {
    // What the pages run is the built package.
    resolve: {
      alias: [
        { find: /^simdgrad$/, replacement: `${root}dist/index.js` },
        { find: /^simdgrad\/nets$/, replacement: `${root}dist/nets/index.js` },
      ],
    },
    worker: { format: 'es' },
    // Errors and printed nets have the names of classes.
    esbuild: { keepNames: true },
    build: { chunkSizeWarningLimit: 2000 },
  },
})
