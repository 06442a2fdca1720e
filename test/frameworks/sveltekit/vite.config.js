import adapter from '@sveltejs/adapter-node'
import { sveltekit } from '@sveltejs/kit/vite'

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

// The headers here are the dev server's; src/hooks.server.js has the built one's.
export default { plugins: [sveltekit({ adapter: adapter() })], server: { headers: isolation } }
