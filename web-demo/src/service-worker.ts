/**
 * Keeps the site, so that it works offline after the first visit, and sends the two headers that threads need where the
 * host does not. It never reloads a page, so it can't loop: what it changes is seen at the next visit.
 */
declare const __FILES__: readonly string[]
declare const __VERSION__: string

/** The part of a service worker's scope that is used here; the library of types for pages has it not. */
interface Scope {
  addEventListener(
    type: 'install' | 'activate',
    listener: (event: { waitUntil(done: Promise<unknown>): void }) => void,
  ): void
  addEventListener(
    type: 'fetch',
    listener: (event: { request: Request; respondWith(response: Promise<Response>): void }) => void,
  ): void
  skipWaiting(): Promise<void>
  clients: { claim(): Promise<void> }
  registration: { scope: string }
}
const scope = globalThis as unknown as Scope
const PREFIX = 'simdgrad-site-'
const NAME = PREFIX + __VERSION__

scope.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll(__FILES__.map((path) => new URL(path, scope.registration.scope).href)))
      .then(() => scope.skipWaiting()),
  )
})

scope.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names.filter((name) => name.startsWith(PREFIX) && name !== NAME).map((name) => caches.delete(name)),
        ),
      )
      .then(() => scope.clients.claim()),
  )
})

scope.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || !request.url.startsWith(scope.registration.scope)) return
  // The digits are kept by who trains with them.
  if (url.pathname.includes('/digits/')) return
  event.respondWith(answer(request, url))
})

/** Pages from the net while there is one, so that a new version is seen; their parts, which are named by content, as kept. */
async function answer(request: Request, url: URL): Promise<Response> {
  const cache = await caches.open(NAME)
  const kept = await cache.match(
    url.pathname.endsWith('/') ? scope.registration.scope : url.href.replace(/[?#].*/, ''),
  )
  if (request.mode !== 'navigate') return isolated(kept ?? (await fetch(request)))
  try {
    return isolated(await fetch(request))
  } catch (error) {
    if (kept) return isolated(kept)
    throw error
  }
}

/** The response with the headers that SharedArrayBuffer asks for. */
function isolated(response: Response): Response {
  if (response.type === 'opaque' || response.redirected || response.status === 0) return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  const { status, statusText } = response
  return new Response(response.body, { status, statusText, headers })
}
