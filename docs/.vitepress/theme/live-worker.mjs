// Runs one block of code with the library, and tells what it prints, line by line.
import * as simdgrad from 'simdgrad'
import * as nets from 'simdgrad/nets'
import { asBody } from '../live.mjs'

const AsyncFunction = (async () => {}).constructor
/** @param {unknown} value */
const show = (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value))

addEventListener('message', async ({ data: code }) => {
  console.log = (...values) => postMessage({ line: values.map(show).join(' ') })
  try {
    await new AsyncFunction('simdgrad', 'nets', asBody(code))(simdgrad, nets)
    postMessage({ end: '' })
  } catch (error) {
    postMessage({ end: String(error) })
  }
})
