import { readFileSync } from 'node:fs'
import { marked } from 'marked'
import { repositoryUrl } from './links.js'

const INSTALL = `## Install

\`\`\`sh
npm ci && npm start              # in a checkout: trains the notebook's nets
npm ci && npm run demo           # this page
npm run build && npm pack        # simdgrad-….tgz, for npm install in a project of your own
\`\`\`

`

/** docs/batch-norm.md as a page of the site, with a word on how to get the package. */
export function guidePage(style: string): string {
  const text = readFileSync(new URL('../docs/batch-norm.md', import.meta.url), 'utf8')
  const [title, ...rest] = text.split('\n')
  const repository = repositoryUrl()
  const html = marked
    .parse(`${title}\n\n[Back to the page](./)\n\n${INSTALL}${rest.join('\n')}`, { async: false })
    // Headings as GitHub names them, for the links within the guide.
    .replace(
      /<h([1-4])>(.*?)<\/h\1>/g,
      (_, level: string, words: string) => `<h${level} id="${slug(words)}">${words}</h${level}>`,
    )
    // Wide blocks scroll by themselves, and the keyboard reaches them.
    .replaceAll('<pre>', '<pre tabindex="0">')
    .replaceAll('<table>', '<div class="scroll" tabindex="0"><table>')
    .replaceAll('</table>', '</table></div>')
    .replace(
      /<a href="([^"#:]+)(#[^"]*)?">(.*?)<\/a>/g,
      (whole: string, path: string, anchor = '', words: string) => {
        if (path === './') return whole
        return repository
          ? `<a href="${new URL(path, `${repository}/blob/main/docs/`)}${anchor}">${words}</a>`
          : words
      },
    )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title.replace(/^# /, '')} – simdgrad</title>
<link rel="icon" href="./icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="./${style}">
</head>
<body class="guide"><main class="guide-text">
${html}
</main></body>
</html>
`
}

const slug = (words: string) =>
  words
    .replace(/<.*?>/g, '')
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
