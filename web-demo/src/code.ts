import type { Settings } from './settings.js'

/** The net and its optimiser as code for the package. test/demo runs it. */
export function codeOf(settings: Settings, norm: boolean): string {
  const layers = settings.net === 'mlp' ? mlp(settings, norm) : conv(settings, norm)
  const scaling =
    settings.scale === 1
      ? ''
      : `for (const module of net.modules) {
  if (!(module instanceof nn.Linear || module instanceof nn.Conv2d)) continue
  noGrad(() => module.weight.copy_(module.weight.mul(${settings.scale})))
}
`
  const names = ['data', 'fit', 'init', 'manualSeed', 'nn', ...(scaling ? ['noGrad'] : []), 'optim']
  return `import { ${names.join(', ')} } from 'simdgrad'

await init()
manualSeed(${settings.seed})
const net = new nn.Sequential(
${layers.map((layer) => `  ${layer},`).join('\n')}
)
${scaling}const optimizer = ${optimizerOf(settings)}

const { train, test } = await data.mnist() // in Node; in a browser, new data.ImageDataset(…)
await fit(net, {
  train: new data.DataLoader(train, { batchSize: ${settings.batch}, shuffle: true, dropLast: true }),
  valid: new data.DataLoader(test, { batchSize: 250 }),
  optimizer,
  loss: new nn.CrossEntropyLoss(),
  epochs: 1,
  onEpoch: ({ epoch, trainLoss, validAcc }) => console.log(epoch, trainLoss, validAcc),
})
`
}

function normOf({ net, norm, momentum }: Settings, channels: number): string {
  if (norm === 'group') return `new nn.GroupNorm(${channels / (net === 'mlp' ? 10 : 4)}, ${channels})`
  if (norm === 'layer')
    return net === 'mlp' ? `new nn.LayerNorm(${channels})` : `new nn.GroupNorm(1, ${channels})`
  const options = momentum === 0.1 ? '' : `, { momentum: ${momentum} }`
  return `new nn.${net === 'mlp' ? 'BatchNorm1d' : 'BatchNorm2d'}(${channels}${options})`
}

function mlp(settings: Settings, norm: boolean): string[] {
  const layers = ['new nn.Flatten()']
  for (let i = 0; i < settings.depth; i++) {
    layers.push(`new nn.Linear(${i === 0 ? 784 : 100}, 100)`)
    if (norm) layers.push(normOf(settings, 100))
    layers.push('new nn.ReLU()')
  }
  return [...layers, 'new nn.Linear(100, 10)']
}

function conv(settings: Settings, norm: boolean): string[] {
  const layers: string[] = []
  const channels = (i: number) => (i === 0 ? 8 : 16)
  for (let i = 0; i < settings.depth; i++) {
    layers.push(`new nn.Conv2d(${i === 0 ? 1 : channels(i - 1)}, ${channels(i)}, 3, { padding: 1 })`)
    if (norm) layers.push(normOf(settings, channels(i)))
    layers.push('new nn.ReLU()')
    if (i < 2) layers.push('new nn.MaxPool2d(2)')
  }
  const size = settings.depth === 1 ? 14 : 7
  const inputs = channels(settings.depth - 1) * size * size
  return [...layers, 'new nn.Flatten()', `new nn.Linear(${inputs}, 10)`]
}

function optimizerOf({ optimizer, lr }: Settings): string {
  switch (optimizer) {
    case 'sgd':
      return `new optim.SGD(net.parameters(), { lr: ${lr} })`
    case 'momentum':
      return `new optim.SGD(net.parameters(), { lr: ${lr}, momentum: 0.9 })`
    case 'adam':
      return `new optim.Adam(net.parameters(), { lr: ${lr} })`
    case 'adamw':
      return `new optim.AdamW(net.parameters(), { lr: ${lr} })`
  }
}
