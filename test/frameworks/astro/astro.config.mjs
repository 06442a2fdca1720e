const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

// The dev server alone needs these lines.
export default {
  devToolbar: { enabled: false },
  server: { headers: isolation },
  vite: { optimizeDeps: { exclude: ['simdgrad'] }, server: { headers: isolation } },
}
