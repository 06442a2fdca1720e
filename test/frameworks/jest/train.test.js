import { train } from './train.mjs'

test('trains', async () => {
  const result = await train({ threads: 2, deterministic: true })
  console.log(`result ${JSON.stringify(result)}`)
})
