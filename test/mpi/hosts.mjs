// Two hosts, stood in for by network namespaces with a cable (veth) between them, which only root can make: real TCP.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { job, MAKES, ranksOf, root, run } from './launch.mjs'
import { last } from './parts.mjs'

/** @typedef {import('./parts.mjs').Context} Context */

const ADDRESSES = ['10.77.31.1', '10.77.31.2']
const names = ['a', 'b'].map((end) => `sg${process.pid}${end}`)
const cables = ['a', 'b'].map((end) => `sgv${process.pid}${end}`)

/** @param {string[]} args @returns {boolean} whether it could be done */
const ip = (...args) => spawnSync('ip', args, { stdio: 'ignore' }).status === 0

/** @returns {boolean} whether there are two hosts now */
function connect() {
  if (spawnSync('unshare', ['--uts', 'true']).status !== 0) return false
  if (!names.every((name) => ip('netns', 'add', name))) return false
  const [left, right] = cables
  if (!ip('link', 'add', left, 'netns', names[0], 'type', 'veth', 'peer', 'name', right, 'netns', names[1]))
    return false
  return names.every(
    (name, i) =>
      ip('-n', name, 'addr', 'add', `${ADDRESSES[i]}/24`, 'dev', cables[i]) &&
      ip('-n', name, 'link', 'set', cables[i], 'up') &&
      ip('-n', name, 'link', 'set', 'lo', 'up'),
  )
}

/** @param {Context} context */
export async function hosts({ test, leftOut, all }) {
  if (!MAKES.includes('openmpi')) {
    leftOut.push("two hosts: they are joined by Open MPI's rsh agent")
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'simdgrad-hosts-'))
  try {
    if (!connect()) {
      leftOut.push('two hosts: network namespaces need root, ip (iproute2) and unshare')
      return
    }
    const agent = join(folder, 'agent.sh')
    writeFileSync(
      agent,
      `#!/bin/sh\nshift\nexec ip netns exec ${names[1]} unshare --uts sh -c "hostname ${names[1]}; $*"\n`,
    )
    chmodSync(agent, 0o755)
    const net = `${ADDRESSES[0].replace(/\d+$/, '0')}/24`
    const settings = {
      plm_rsh_agent: agent,
      btl: 'tcp,self',
      btl_tcp_if_include: net,
      oob_tcp_if_include: net,
    }
    /** @param {object} options @param {Parameters<typeof run>[2]} [how] @param {string} [what] */
    const between = (options, how, what = job('train')) => {
      const mca = Object.entries(settings).flatMap(([name, value]) => ['--mca', name, value])
      const command = [
        'mpirun.openmpi',
        '-n',
        '2',
        '--host',
        ADDRESSES.map((at) => `${at}:1`).join(','),
        ...mca,
      ]
      command.push(process.execPath, what, JSON.stringify(options))
      const inside = `hostname ${names[0]}; exec "$@"`
      return run(
        'ip',
        ['netns', 'exec', names[0], 'unshare', '--uts', 'sh', '-c', inside, 'sh', ...command],
        how,
      )
    }
    const options = { net: 'cnn-bn', images: 320, deterministic: true, steps: true }
    const { hash } = last(await ranksOf('openmpi', 1, 'train', options))
    await test('two hosts over TCP', async () => {
      assert.equal(last(await between(options)).hash, hash)
    })
    await test('a link that is down for a second', async () => {
      let cut = false
      const outcome = await between(options, {
        onLine(line) {
          if (cut || !line.includes('"step":3')) return
          cut = true
          ip('-n', names[0], 'link', 'set', cables[0], 'down')
          setTimeout(() => ip('-n', names[0], 'link', 'set', cables[0], 'up'), 1000)
        },
      })
      assert.equal(last(outcome).hash, hash)
      assert.ok(cut && outcome.seconds > 1, 'the link was never cut')
      return `${outcome.seconds.toFixed(1)} s`
    })
    const rate = [
      'qdisc',
      'add',
      'dev',
      cables[0],
      'root',
      'tbf',
      'rate',
      '100mbit',
      'burst',
      '32kbit',
      'latency',
      '50ms',
    ]
    if (spawnSync('tc', ['-n', names[0], ...rate], { stdio: 'ignore' }).status !== 0) {
      leftOut.push('100 Mbit/s: tc can not limit a link here')
      return
    }
    const slow = { net: 'resnet-20', images: all ? 320 : 64, batch: 32, compile: true }
    await test('100 Mbit/s, ResNet-20', async () => {
      const { steps, hash } = last(await between(slow, { seconds: 300 }))
      assert.ok(steps === (all ? 10 : 2) && hash)
    })
    if (!all) return
    for (const bucketCapMb of [25, 0.25]) {
      await test(`100 Mbit/s, ResNet-20 in buckets of ${bucketCapMb} MiB, sent during backward and after it`, async () => {
        const timed = { net: 'resnet20', batch: 64, threads: 1, seconds: 1, rounds: 3, bucketCapMb }
        const bench = join(root, 'bench/ours/ranks.mjs')
        /** @type {number[]} */
        const medians = []
        for (const overlaps of [true, false]) {
          const { status, lines, errors } = await between({ ...timed, overlaps }, { seconds: 300 }, bench)
          assert.equal(status, 0, errors)
          medians.push(lines.map((line) => line.seconds).sort((a, b) => a - b)[1])
        }
        return medians.map((one) => `${(1000 * one).toFixed(0)} ms`).join(' and ')
      })
    }
  } finally {
    for (const name of names) ip('netns', 'del', name)
    rmSync(folder, { recursive: true, force: true })
  }
}
