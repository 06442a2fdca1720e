import { init } from 'simdgrad'
import { mpi } from 'simdgrad/distributed'

await init({ threads: 1 })
const world = await mpi()
if (world.rank === 1) throw new Error('on purpose')
world.barrier()
