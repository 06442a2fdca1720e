import { json } from '@sveltejs/kit'
import { train } from '../../../../train.mjs'

export async function GET() {
  try {
    return json(await train({ threads: 2, deterministic: true }))
  } catch (error) {
    return json({ error: String(error), code: error.code })
  }
}
