/** Links between the documents lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const markdown = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file))
const documents = ['.', 'docs', 'docs/api', 'bench'].flatMap(markdown)

/** What a document can be entered at: its headings as GitHub names them, and its anchors. */
function anchors(text: string): Set<string> {
  const found = new Set(Array.from(text.matchAll(/<a id="([^"]+)">/g), ([, id]) => id))
  const times = new Map<string, number>()
  for (const [, heading] of text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    const count = times.get(slug) ?? 0
    times.set(slug, count + 1)
    found.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return found
}

/** Where package.json says that the repository is: links into it are links into the checkout. */
const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const home = repository.url.replace(/^git\+|\.git$/g, '')
const absolute = [`${home}/blob/main/`, `${home.replace('github.com', 'raw.githubusercontent.com')}/main/`]

/** The links of a text, images too. */
const linksOf = (text: string) => Array.from(text.matchAll(/\]\(([^)\s]*)\)/g), ([, link]) => link)

/** Links within the checkout that lead nowhere. */
function broken(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return linksOf(text).filter((link) => {
    const start = absolute.find((prefix) => link.startsWith(prefix))
    if (start === undefined && /^https?:/.test(link)) return false
    const [path, anchor] = link.slice(start?.length ?? 0).split('#')
    const target = start === undefined ? (path ? join(dirname(file), path) : file) : path
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchors(readFileSync(join(root, target), 'utf8')).has(anchor)
  })
}

describe('links', () => {
  it.each(documents)('in %s', (file) => {
    expect(broken(file)).toEqual([])
  })

  it('of README are absolute, so that they lead somewhere on npm too', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    expect(linksOf(readme).filter((link) => !link.startsWith('https://'))).toEqual([])
    expect(linksOf(readme).length).toBeGreaterThan(15)
    expect(Buffer.byteLength(readme), 'a newcomer reads it: the rest is for docs/').toBeLessThanOrEqual(8192)
  })

  it('of the index reach every guide', () => {
    const index = linksOf(readFileSync(join(root, 'docs/README.md'), 'utf8'))
    expect(markdown('docs').filter((file) => !index.includes(basename(file)))).toEqual(['docs/README.md'])
  })

  it('are found: the index of the guides has some', () => {
    expect(readFileSync(join(root, 'docs/README.md'), 'utf8')).toContain('](from-pytorch.md)')
    expect(anchors('## Two commands\n### grad\n### grad')).toEqual(
      new Set(['two-commands', 'grad', 'grad-1']),
    )
  })
})
