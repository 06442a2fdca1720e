// A server's program that is bundled into one file, as an ES module: it says where the binaries and the worker are.
import { train } from './train.mjs'

const here = (path) => new URL(path, import.meta.url)
const options = { ...JSON.parse(process.argv[2]), wasm: here('./'), worker: here('./worker.js') }
train(options).then((result) => console.log(JSON.stringify(result)))
