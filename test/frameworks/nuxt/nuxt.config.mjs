const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export default defineNuxtConfig({
  compatibilityDate: '2026-11-01',
  telemetry: false,
  routeRules: { '/**': { headers: isolation } },
  vite: {
    server: { headers: isolation },
    worker: { format: 'es' },
  },
})
