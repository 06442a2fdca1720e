/** What makes the built page a site: links, a strict content security policy, the guide, and the service worker. */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { guidePage } from './guide.js'
import { links, repositoryUrl } from './links.js'

/** Everything comes from the site itself; WebAssembly may be compiled, and no script or style stands in the page. */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

const WORKER = 'service-worker.js'
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')

export function site(): Plugin {
  let building = false
  return {
    name: 'simdgrad-site',
    configResolved({ command }) {
      building = command === 'build'
    },
    buildStart() {
      if (!building) return
      this.emitFile({
        type: 'chunk',
        id: fileURLToPath(new URL('./src/service-worker.ts', import.meta.url)),
        fileName: WORKER,
      })
    },
    transformIndexHtml: {
      order: 'pre',
      handler(html) {
        const list = links().map(({ text, href }) => `<a href="${escaped(href)}">${escaped(text)}</a>`)
        const policy = `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`
        // The dev server puts scripts and styles into the page, so there the policy does not hold.
        return html
          .replace('%LINKS%', list.join(' · '))
          .replace('<meta charset="utf-8">', `<meta charset="utf-8">${building ? `\n${policy}` : ''}`)
          .replace('./share.png', shareUrl())
      },
    },
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const style = Object.keys(bundle).find((name) => name.endsWith('.css')) ?? ''
        this.emitFile({ type: 'asset', fileName: 'guide.html', source: guidePage(style) })
        // The digits keep themselves (src/worker/kept.ts), and the picture for sharing is not the page's.
        const kept = [
          ...Object.keys(bundle).filter((name) => name !== WORKER && !name.startsWith('digits/')),
          'guide.html',
          'icon.svg',
        ]
        const hash = createHash('sha256')
        for (const name of kept) {
          const file = bundle[name]
          hash.update(name).update(file ? (file.type === 'chunk' ? file.code : file.source) : '')
        }
        const worker = bundle[WORKER]
        if (worker?.type !== 'chunk') throw new Error('the service worker was not built')
        worker.code = worker.code
          .replace('__FILES__', JSON.stringify(['./', ...kept.filter((name) => name !== 'index.html')]))
          .replace('__VERSION__', JSON.stringify(hash.digest('hex').slice(0, 16)))
      },
    },
  }
}

/** Sites that show a link with its picture want the whole address, and a page does not know its own: the repository's does. */
function shareUrl(): string {
  const url = repositoryUrl()?.replace('://github.com/', '://raw.githubusercontent.com/')
  return url ? `${url}/main/web-demo/public/share.png` : './share.png'
}
