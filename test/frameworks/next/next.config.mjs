/** The headers that threads need; and the one line that a route handler needs under webpack. */
const headers = [
  { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Embedder-Policy', value: 'require-corp' },
]

export default {
  headers: async () => [{ source: '/:path*', headers }],
  serverExternalPackages: process.env.EXTERNAL ? ['simdgrad'] : [],
}
