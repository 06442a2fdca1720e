/// <reference types="vite/client" />
let asked = false

/** Once all digits are there, has the service worker keep the rest of the site, so that the page works offline. */
export function keepOffline(): void {
  if (asked || !import.meta.env.PROD || !('serviceWorker' in navigator)) return
  asked = true
  // Without it (a browser that refuses it, say) the page works, but only online.
  navigator.serviceWorker.register('./service-worker.js').catch(() => {})
}
