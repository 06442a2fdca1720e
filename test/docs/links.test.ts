/** Links between the documents lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
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

/** Links within the checkout that lead nowhere. */
function broken(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const links = Array.from(text.matchAll(/\]\((?!https?:)([^)\s]*)\)/g), ([, link]) => link)
  return links.filter((link) => {
    const [path, anchor] = link.split('#')
    const target = path ? join(dirname(file), path) : file
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchors(readFileSync(join(root, target), 'utf8')).has(anchor)
  })
}

describe('links', () => {
  it.each(documents)('in %s', (file) => {
    expect(broken(file)).toEqual([])
  })

  it('are found: the index of the guides has some', () => {
    expect(readFileSync(join(root, 'docs/README.md'), 'utf8')).toContain('](from-pytorch.md)')
    expect(anchors('## Two commands\n### grad\n### grad')).toEqual(
      new Set(['two-commands', 'grad', 'grad-1']),
    )
  })
})
