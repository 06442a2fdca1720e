// A project in Node, Bun or Deno: prints what came of the training.
import { train } from './train.mjs'

console.log(JSON.stringify(await train(JSON.parse(process.argv[2]))))
