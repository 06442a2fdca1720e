// Joins the world, and prints what comes of it: {"rank", "size"}, or {"code", "message"}.
//   mpirun -n 2 node test/mpi/jobs/joins.mjs '{"library": "/lib/libmpi.so"}' [throws]
import { mpi } from 'simdgrad/distributed'

try {
  const { rank, size } = await mpi(JSON.parse(process.argv[2] ?? '{}'))
  if (process.argv[3] === 'throws' && rank === size - 1) throw new Error('on purpose, in the last rank')
  if (process.argv[3] === 'throws') await new Promise((done) => setTimeout(done, 60_000))
  console.log(JSON.stringify({ rank, size }))
} catch (error) {
  if (!(error instanceof Error && 'code' in error)) throw error
  console.log(JSON.stringify({ code: error.code, message: error.message }))
}
