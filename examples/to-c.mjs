// A trained net as one file of C and one of JavaScript, for what has neither simdgrad nor WebAssembly: a microcontroller,
// another program. And how large such files are, of the nets of the examples.
//
//   node examples/to-c.mjs [folder]                     some 3 seconds
//
// Trains an MLP with batch norm on digits, writes net.c and net.mjs (into a temporary folder unless one is named), asks
// net.mjs for a digit, and, where the machine has a C compiler, compiles net.c. Weights of eight bits are a quarter of the
// bytes; what they cost is measured on 1,000 digits:
//   of 1,000 digits right: 0.904 with float32, 0.903 with int8; the same digit for 0.999
import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { data, fit, init, manualSeed, nn, noGrad, optim, randint } from 'simdgrad'
import { toC, toJavaScript } from 'simdgrad/export'
import { JOBS } from 'simdgrad/nets'
import { Autoencoder } from './nets/autoencoder.mjs'
import { CharGPT } from './nets/char-gpt.mjs'
import { MobileNet } from './nets/mobilenet.mjs'
import { ResNet } from './nets/resnet20.mjs'
import { SensorGRU } from './nets/sensor-gru.mjs'
import { tabularNet } from './nets/tabular.mjs'
import { UNet } from './nets/unet.mjs'

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'simdgrad-to-c-'))

await init()
manualSeed(0)
const { train, test } = await data.mnist()
const net = JOBS['mlp-bn-layer'].make()
await fit(net, {
  train: new data.DataLoader(new data.Subset(train, [...Array(12_000).keys()]), {
    batchSize: 32,
    shuffle: true,
  }),
  optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
  loss: new nn.CrossEntropyLoss(),
})

const inputs = [1, 1, 28, 28]
const some = [...new data.DataLoader(new data.Subset(test, [...Array(1000).keys()]), { batchSize: 500 })]
const { code, loss } = toC(net, { inputs, weights: 'int8', data: some })
writeFileSync(join(folder, 'net.c'), code)
writeFileSync(join(folder, 'net.mjs'), toJavaScript(net, { inputs }).code)
console.log(`net.c and net.mjs are in ${folder}`)

/** @type {{ predict: (x: ArrayLike<number>) => Float32Array }} */
const { predict } = await import(pathToFileURL(join(folder, 'net.mjs')).href)
const digit = some[0][0].slice(0, 0, 1)
const theirs = predict(digit.toFloat32Array())
const ours = noGrad(() => net.eval().forward(digit)).toFloat32Array()
const apart =
  Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]))) / Math.max(...ours.map(Math.abs))
console.log(
  `net.mjs says ${theirs.indexOf(Math.max(...theirs))}; its results are within 1e-5: ${apart < 1e-5}`,
)
console.log(
  `of 1,000 digits right: ${loss?.accuracy?.toFixed(3)} with float32, ${loss?.int8Accuracy?.toFixed(3)} with int8; the same digit for ${loss?.agreement.toFixed(3)}`,
)
try {
  execFileSync('cc', ['-std=c99', '-Wall', '-Werror', '-Os', '-c', 'net.c', '-o', 'net.o'], { cwd: folder })
  console.log('cc compiles net.c without a warning')
} catch (error) {
  console.log(`cc: ${error instanceof Error ? error.message.split('\n')[0] : error}`)
}

/** @type {[string, nn.Module, number[] | import('simdgrad').Tensor, (() => nn.Module)?][]} */
const NETS = [
  ...Object.entries(JOBS).map(([name, { make }]) => /** @type {any} */ ([name, make(), inputs, make])),
  ['resnet20', new ResNet(), [1, 3, 32, 32]],
  ['mobilenet', new MobileNet(), inputs],
  ['char-gpt', new CharGPT({ vocabulary: 65 }), randint(0, 65, [1, 32])],
  ['sensor-gru', new SensorGRU(), [1, 24, 2]],
  ['tabular', tabularNet(6), [1, 6]],
  ['autoencoder', new Autoencoder(), inputs],
  ['unet', new UNet(), inputs],
]
const kB = (/** @type {number} */ bytes) => (bytes / 1000).toFixed(1).padStart(9)
console.log(`\nkB             net.mjs  int8.mjs     net.c    int8.c   weights      int8    memory`)
for (const [name, made, shape, make] of NETS) {
  const own = () => ({ inputs: shape, ...(make && { into: make() }) })
  const files = [toJavaScript, toC].flatMap((write) => [
    write(made, own()),
    write(made, { ...own(), weights: 'int8' }),
  ])
  const [js, js8, c, c8] = files
  const sizes = [js.bytes, js8.bytes, c.bytes, c8.bytes, c.weightBytes, c8.weightBytes, c.memoryBytes]
  console.log(`${name.padEnd(12)} ${sizes.map(kB).join(' ')}`)
}
