// The same as CommonJS, which has no import.meta.
const { train } = require('./train.mjs')

const options = { ...JSON.parse(process.argv[2]), wasm: `${__dirname}/`, worker: `${__dirname}/worker.js` }
train(options).then((result) => console.log(JSON.stringify(result)))
