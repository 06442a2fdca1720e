// Runs one block of code with the library, and tells what it prints, line by line.
import { inspect } from 'node-inspect-extracted'
import * as simdgrad from 'simdgrad'
import * as nets from 'simdgrad/nets'
import { asBody } from '../live.mjs'

const AsyncFunction = (async () => {}).constructor
/** As Node prints it. @param {unknown} value */
const show = (value) => (typeof value === 'string' ? value : inspect(value))

addEventListener('message', async ({ data: code }) => {
  console.log = (...values) => postMessage({ line: values.map(show).join(' ') })
  try {
    await new AsyncFunction('simdgrad', 'nets', asBody(code))(simdgrad, nets)
    postMessage({ end: '' })
  } catch (error) {
    postMessage({ end: String(error) })
  }
})
