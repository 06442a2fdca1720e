import { readFileSync } from 'node:fs'

/** Addresses that the page and the guide share. */
interface Package {
  homepage?: string
  repository?: string | { url: string }
}

/** Where the page leads to: papers, and what package.json says of the project. */
export interface Link {
  readonly text: string
  readonly href: string
}

const PAPERS: readonly Link[] = [
  { text: 'The paper (Ioffe and Szegedy, 2015)', href: 'https://arxiv.org/abs/1502.03167' },
  { text: 'Why it helps (Santurkar et al., 2018)', href: 'https://arxiv.org/abs/1805.11604' },
]

const read = (): Package => JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** Where the project is kept, as far as package.json says so. */
export function repositoryUrl(): string | undefined {
  const { repository } = read()
  return (typeof repository === 'string' ? repository : repository?.url)
    ?.replace(/^git\+/, '')
    .replace(/\.git$/, '')
}

/** The guide is part of the site; the rest is where package.json says. */
export function links(): Link[] {
  const { homepage } = read()
  const url = repositoryUrl()
  const project: Link[] = [
    ...(url ? [{ text: 'Repository', href: url }] : []),
    ...(homepage && homepage !== url ? [{ text: 'Documentation', href: homepage }] : []),
  ]
  return [
    { text: 'Guide to batch norm', href: './guide.html' },
    ...PAPERS,
    ...project,
    { text: 'Install', href: './guide.html#install' },
  ]
}
