// The Worker of a page, as the docs recommend it: training does not hold up the page.
import { train } from './train.mjs'

addEventListener('message', ({ data }) => {
  train(data).then(postMessage, (error) => postMessage({ error: String(error) }))
})
