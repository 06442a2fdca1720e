// A single executable application: binary and worker are assets in it.
const { getAsset } = require('node:sea')
const { train } = require('./train.mjs')

const worker = new URL(`data:text/javascript,${encodeURIComponent(getAsset('worker.js', 'utf8'))}`)
const options = { ...JSON.parse(process.argv[2]), wasm: getAsset('strict-shared.wasm'), worker }
train(options).then((result) => console.log(JSON.stringify(result)))
