import { rspack } from '@rspack/core'

export default { mode: 'production', entry: './page.js', plugins: [new rspack.HtmlRspackPlugin()] }
