import { train } from '../../../train.mjs'

export const dynamic = 'force-dynamic'

export async function GET() {
  try {
    return Response.json(await train({ threads: 2, deterministic: true }))
  } catch (error) {
    return Response.json({ error: String(error), code: error.code })
  }
}
