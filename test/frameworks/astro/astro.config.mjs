const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

// The dev server alone needs these lines, for threads.
export default {
  devToolbar: { enabled: false },
  server: { headers: isolation },
  vite: { server: { headers: isolation } },
}
