// What empty.test.ts looks at, on the built package:
//   node test/faults/errors.mjs <times>
// Makes each mistake so many times over and catches it: a trap would leave its part of the stack behind. Prints as
// JSON whether all errors were ours, and whether a product is right afterwards.
import { init, nn, ones, SimdgradError, zeros } from 'simdgrad'

const times = Number(process.argv[2])
await init({ threads: 2 })
const { functional } = nn

/** @type {(() => unknown)[]} */
const mistakes = [
  () => zeros([5, 0]).argmax({ dim: 1 }),
  () => zeros([0]).max(),
  () => functional.conv2d(ones([2, 3, 4, 4]), zeros([0, 3, 3, 3])),
  () => functional.crossEntropy(ones([2, 3]), [0, 7]),
  () => ones([2, 3]).matmul(ones([2, 3])),
]
// No mistakes, but a trap each in their time.
const empty = [() => zeros([5, 0]).sum({ dim: 0 }), () => zeros([5, 0]).mean({ dim: 0 })]

/** @type {Set<string>} */
const others = new Set()
for (let i = 0; i < times; i++) {
  for (const call of [...mistakes, ...empty]) {
    try {
      call()
      if (mistakes.includes(call)) others.add(`${call} threw nothing`)
    } catch (error) {
      if (!(error instanceof SimdgradError)) others.add(String(error))
    }
  }
}
let right = false
try {
  right = ones([300, 300])
    .matmul(ones([300, 300]))
    .toFloat32Array()
    .every((value) => value === 300)
} catch (error) {
  others.add(String(error))
}
console.log(JSON.stringify({ caught: others.size > 0 ? [...others] : 'all ours', right }))
