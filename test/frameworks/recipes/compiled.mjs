// An executable of Bun's: binary and worker are files in it.
import wasm from 'simdgrad/wasm/strict-shared.wasm' with { type: 'file' }
import worker from 'simdgrad/worker.js' with { type: 'file' }
import { train } from './train.mjs'

const options = { ...JSON.parse(process.argv[2]), wasm, worker }
train(options).then((result) => console.log(JSON.stringify(result)))
