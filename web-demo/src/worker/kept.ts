/** The cache of the digits, which never change. The service worker keeps the rest of the site (see ../service-worker.ts). */
const CACHE = 'simdgrad-digits-1'

/** Fetches a file once and keeps it, so that the page works offline after the first visit. */
export async function fetchKept(url: URL): Promise<Response> {
  // Not to be had in a page that is not secure, or where storage is refused: then nothing is kept.
  const cache = await globalThis.caches?.open(CACHE).catch(() => undefined)
  const kept = await cache?.match(url)
  if (kept) return kept
  const response = await fetch(url)
  if (response.ok) await cache?.put(url, response.clone()).catch(() => {})
  return response
}
