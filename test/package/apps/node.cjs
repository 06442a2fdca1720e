// A CommonJS project: `require` of the package, and of a module that imports it, give the same one.
const simdgrad = require('simdgrad')
const { train } = require('./train.mjs')

train(JSON.parse(process.argv[2])).then((result) => {
  console.log(JSON.stringify({ ...result, sum: simdgrad.tensor([1, 2]).sum().item() }))
})
