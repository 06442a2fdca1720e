// Slurm's recipe of docs/distributed.md, as it stands there, on a cluster of one node in a folder of its own: slurmctld,
// slurmd and munge as root. Its job is requeued when its node goes away, and goes on from its checkpoint.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fewDigits } from './digits.mjs'
import { environment, job, root, run } from './launch.mjs'
import { last } from './parts.mjs'

/** @typedef {import('./parts.mjs').Context} Context */

const PROGRAMS = ['/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/sbin/munged', '/usr/bin/sbatch']
const PMIX = '/usr/lib/x86_64-linux-gnu/pmix2/lib/libpmix.so'

/** A port that nobody has. @returns {Promise<number>} */
const port = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

/** Waits until something is so, for three minutes at most. @param {string} what @param {() => boolean} is */
async function until(what, is) {
  for (let i = 0; i < 1800 && !is(); i++) await new Promise((done) => setTimeout(done, 100))
  assert.ok(is(), `${what}: not within three minutes`)
}

/** A cluster of this machine. */
class Cluster {
  /** @type {Map<string, import('node:child_process').ChildProcess>} */
  #running = new Map()
  /** @type {Record<string, string | undefined>} */
  env

  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder
    this.env = { ...environment, SLURM_CONF: join(folder, 'slurm.conf') }
  }

  async start() {
    const { folder } = this
    const at = (/** @type {string} */ name) => join(folder, name)
    for (const name of ['munge', 'state', 'spool', 'pmix']) mkdirSync(at(name), { mode: 0o755 })
    chmodSync(folder, 0o755)
    writeFileSync(at('munge.key'), randomBytes(1024), { mode: 0o400 })
    const munge = ['pid', 'log', 'seed'].map((name) => `--${name}-file=${at(`munge/${name}`)}`)
    this.#run('munged', [
      '--foreground',
      '--force',
      `--key-file=${at('munge.key')}`,
      `--socket=${at('munge/s')}`,
      ...munge,
    ])
    await until('munge', () => existsSync(at('munge/s')))
    const [control, daemon] = [await port(), await port()]
    const settings = {
      ...{ ClusterName: 'simdgrad', SlurmctldHost: hostname(), SlurmUser: 'root', SlurmdUser: 'root' },
      ...{
        AuthType: 'auth/munge',
        CredType: 'cred/munge',
        AuthInfo: `socket=${at('munge/s')},cred_expire=20`,
      },
      ...{
        SlurmctldPort: control,
        SlurmdPort: daemon,
        StateSaveLocation: at('state'),
        SlurmdSpoolDir: at('spool'),
      },
      ...{ SlurmctldPidFile: at('slurmctld.pid'), SlurmdPidFile: at('slurmd.pid') },
      ...{
        ProctrackType: 'proctrack/linuxproc',
        TaskPlugin: 'task/none',
        JobAcctGatherType: 'jobacct_gather/none',
      },
      ...{ AccountingStorageType: 'accounting_storage/none', SelectType: 'select/cons_tres' },
      ...{ SelectTypeParameters: 'CR_CPU', SlurmdParameters: 'config_overrides', MpiDefault: 'none' },
      // A node that does not answer for some seconds is gone; it is back when it is back. (A job that is requeued waits
      // for as long as its credentials are good.)
      ...{
        SlurmdTimeout: 5,
        ReturnToService: 2,
        KillWait: 2,
        SchedulerParameters: 'batch_sched_delay=0,bf_interval=1',
      },
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
    lines.push(`NodeName=${hostname()} CPUs=8 RealMemory=1000 State=UNKNOWN`)
    lines.push('PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP')
    writeFileSync(at('slurm.conf'), `${lines.join('\n')}\n`)
    writeFileSync(at('mpi.conf'), `PMIxCliTmpDirBase=${at('pmix')}\n`)
    this.#run('slurmctld', ['-D'])
    this.node()
    await this.idle()
  }

  /** The node comes. */
  node() {
    this.#run('slurmd', ['-D'])
  }

  /** The node goes, with all that runs on it. */
  crash() {
    const daemon = this.#running.get('slurmd')?.pid
    const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    const all = stdout.split('\n').map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
    // Steps are nobody's children; their environment names this cluster.
    const steps = all.flatMap(([, pid, , command = '']) =>
      command.startsWith('slurmstepd: [') ? [Number(pid)] : [],
    )
    const mine = steps.filter((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(this.folder))
    const gone = new Set([daemon ?? 0, ...mine])
    // (A parent may stand behind its child.)
    for (let before = 0; before < gone.size; ) {
      before = gone.size
      for (const [, pid, parent] of all)
        if (Number(parent) > 1 && gone.has(Number(parent))) gone.add(Number(pid))
    }
    for (const pid of gone) {
      try {
        if (pid > 1) process.kill(pid, 'SIGKILL')
      } catch {
        // It has gone by itself.
      }
    }
    // When a machine is back, these are gone; Slurm 22's PMIx launches no step of the same number where they are not.
    const sockets = readdirSync(join(this.folder, 'spool')).filter((name) => name.includes('pmix'))
    for (const name of [...sockets.map((socket) => `spool/${socket}`), 'pmix']) {
      rmSync(join(this.folder, name), { recursive: true, force: true })
    }
    mkdirSync(join(this.folder, 'pmix'))
    return mine.length
  }

  async idle() {
    await until('an idle node', () => this.tell('sinfo', '-h', '-o', '%T').trim() === 'idle')
  }

  /** What one of Slurm's commands prints. @param {string} program @param {string[]} args */
  tell(program, ...args) {
    return spawnSync(program, args, { env: this.env, encoding: 'utf8', cwd: this.folder }).stdout
  }

  /** A job's value, such as JobState. @param {string} id @param {string} name */
  of(id, name) {
    return new RegExp(`\\b${name}=(\\S+)`).exec(this.tell('scontrol', 'show', 'job', id))?.[1] ?? ''
  }

  stop() {
    this.crash()
    for (const child of this.#running.values()) child.kill('SIGKILL')
  }

  /** @param {string} name @param {string[]} args */
  #run(name, args) {
    const child = spawn(`/usr/sbin/${name}`, args, { env: this.env, cwd: this.folder, stdio: 'ignore' })
    this.#running.set(name, child)
  }
}

/** The recipe, for two tasks and few digits. @param {string} digits */
function recipe(digits) {
  const guide = readFileSync(join(root, 'docs/distributed.md'), 'utf8')
  const found = /```sh\n(#!\/bin\/bash\n#SBATCH[\s\S]*?)```/.exec(guide)?.[1]
  assert.ok(found, 'the guide has a recipe')
  const changes = /** @type {const} */ ([
    ['--ntasks=16 --cpus-per-task=4', '--ntasks=2 --cpus-per-task=1'],
    ['srun --mpi=pmix --cpus-per-task=4', 'srun --mpi=pmix --cpus-per-task=1'],
    ['--threads 4', `--threads 1 --data ${digits} --epochs 3 --json`],
    ['--checkpoint-every 200', '--checkpoint-every 1'],
  ])
  return changes.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), `the recipe has ${from}`)
    return text.replace(from, to)
  }, found)
}

/** @param {Context} context */
export async function slurm({ test, leftOut, all, named }) {
  if (!all && !named) return
  if (![...PROGRAMS, PMIX].every((path) => existsSync(path)) || process.getuid?.() !== 0) {
    leftOut.push('Slurm: it needs root, and apt-get install slurm-wlm munge libpmix-dev')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'simdgrad-slurm-'))
  const cluster = new Cluster(folder)
  try {
    await cluster.start()
    for (const [how, library] of /** @type {const} */ ([
      ['pmix', /^Open MPI/],
      ['pmi2', /^MPICH/],
    ])) {
      await test(`srun --mpi=${how}`, async () => {
        const options = JSON.stringify({ net: 'cnn-bn', steps: 6, sizes: [10, 5], compiled: true })
        const outcome = last(
          await run('srun', ['-n', '2', `--mpi=${how}`, process.execPath, job('equal'), options], {
            env: cluster.env,
          }),
        )
        assert.match(outcome.library, library)
        assert.ok(outcome.difference <= 1e-5)
        return outcome.library
      })
    }
    // A project that has the package installed.
    const project = join(folder, 'project')
    const digits = join(project, 'digits')
    mkdirSync(join(project, 'node_modules/.bin'), { recursive: true })
    mkdirSync(digits)
    symlinkSync(join(root, 'dist/cli/main.js'), join(project, 'node_modules/.bin/simdgrad'))
    writeFileSync(join(project, 'package.json'), '{}')
    writeFileSync(join(project, 'train.sbatch'), recipe(digits))
    fewDigits(digits, 1600, 50)
    /** @param {string} name @returns {Promise<{ id: string, log(): string }>} */
    const submit = async (name) => {
      await cluster.idle()
      const output = join(folder, `${name}.log`)
      const env = {
        ...cluster.env,
        HOME: join(folder, name),
        PATH: `${join(process.execPath, '..')}:${process.env.PATH}`,
      }
      const args = ['--parsable', '--chdir', project, '--output', output, 'train.sbatch']
      const { stdout, stderr } = spawnSync('sbatch', args, { cwd: project, env, encoding: 'utf8' })
      assert.match(stdout, /^\d+/, stderr)
      const log = () => (existsSync(output) ? readFileSync(output, 'utf8') : '')
      return { id: stdout.trim(), log }
    }
    const hashOf = (/** @type {string} */ log) => {
      const lines = log.split('\n').filter((line) => line.startsWith('{'))
      const { weightsHash, epoch } = JSON.parse(lines[lines.length - 1] ?? '{}')
      assert.equal(epoch, 2, log)
      return weightsHash
    }
    /** @type {string} */
    let expected
    await test('sbatch: the recipe of the guide', async () => {
      const { id, log } = await submit('whole')
      await until('the job', () => !/PENDING|RUNNING|COMPLETING|CONFIGURING/.test(cluster.of(id, 'JobState')))
      assert.equal(cluster.of(id, 'JobState'), 'COMPLETED', log())
      expected = hashOf(log())
    })
    const saved = (/** @type {string} */ name) => existsSync(join(folder, name, 'runs/mnist'))
    await test('its node goes away: the job is requeued, and goes on to the same weights', async () => {
      const { id, log } = await submit('node')
      await until('a checkpoint', () => saved('node'))
      assert.ok(cluster.crash() > 0, 'no step ran')
      await until('the job to be requeued', () => Number(cluster.of(id, 'Restarts')) > 0)
      cluster.node()
      await until('the job', () => cluster.of(id, 'JobState') === 'COMPLETED')
      assert.equal(hashOf(log()), expected)
      return `${cluster.of(id, 'Restarts')} restart`
    })
    await test('a rank is killed: the recipe requeues its job', async () => {
      const { id, log } = await submit('rank')
      await until('a checkpoint', () => saved('rank'))
      const pids = cluster.tell('scontrol', 'listpids', id).split('\n').slice(1)
      const rank = pids
        .map((line) => line.trim().split(/\s+/))
        .find(([, , step, , global]) => step === '0' && global === '1')
      assert.ok(rank, pids.join('\n'))
      process.kill(Number(rank[0]), 'SIGKILL')
      await until('the job', () => cluster.of(id, 'JobState') === 'COMPLETED')
      assert.ok(Number(cluster.of(id, 'Restarts')) > 0, 'it was not killed')
      assert.equal(hashOf(log()), expected)
    })
  } finally {
    cluster.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
