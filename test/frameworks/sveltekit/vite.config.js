import adapter from '@sveltejs/adapter-node'
import { sveltekit } from '@sveltejs/kit/vite'

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

// The dev server's headers for scripts; src/hooks.server.js has those for pages, server.mjs all of the built server's.
// (The fixture's modules lie outside of src/.)
export default {
  plugins: [sveltekit({ adapter: adapter() })],
  server: { headers: isolation, fs: { allow: ['.'] } },
}
