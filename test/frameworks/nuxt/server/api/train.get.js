import { train } from '~~/train.mjs'

export default defineEventHandler(async () => {
  try {
    return await train({ threads: 2, deterministic: true })
  } catch (error) {
    return { error: String(error), code: error.code }
  }
})
