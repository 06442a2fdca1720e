// The README's net of one's own, by its own words: in an empty folder, with the commands that it tells, saved under the
// name that it tells, and run as it tells. Only path/to is another one.
import { exec } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { takesRelaxedSimd } from '../runtimes/runtimes.mjs'
import { check } from './checks.mjs'
import { emptyFolder, root } from './fresh.mjs'

const shell = promisify(exec)

/** The words of the README that a reader follows. */
function words() {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  const section = text.slice(text.indexOf('## A net of your own'), text.indexOf('## In a page'))
  const [, commands = ''] = /```sh\n(.*?)```/s.exec(section) ?? []
  const [, code = ''] = /```js\n(.*?)```/s.exec(section) ?? []
  const [, file = '', command = ''] =
    /Save this there as `(.*?)`, and run it with `(.*?)`/.exec(section) ?? []
  const [, printed = ''] = /It prints `(.*?)` on a runtime without relaxed SIMD/.exec(section) ?? []
  const [packing = '', installing = ''] = commands.split('\n').map((line) => line.replace(/\s*#.*$/, ''))
  if (![code, file, command, printed, packing, installing].every(Boolean)) {
    throw new Error('the README does not tell what to do in words that are known here')
  }
  return { code, file, command, printed, commands, packing, installing }
}

/** @param {{ tarball: string }} packed */
export async function readme({ tarball }) {
  const folder = emptyFolder('readme')
  const { code, file, command, printed, commands, packing, installing } = words()
  await check(['readme', 'npm pack', 'gives the file that the README names'], () => {
    if (!packing.endsWith('npm pack')) throw new Error(`the README packs with ${packing}`)
    const name = basename(tarball)
    if (!commands.includes(`: ${name}\n`) || !installing.includes(`/${name} `))
      throw new Error(`it is ${name}`)
    return name
  })
  await check(['readme', 'npm', 'installs package and data'], async () => {
    // What npm asks its registry for besides is not the reader's affair.
    const env = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' }
    await shell(installing.replace('path/to', dirname(tarball)), { cwd: folder, env })
    return installing
  })
  await check(
    ['readme', `Node ${process.versions.node}`, 'trains the net, saved and run as told'],
    async () => {
      writeFileSync(join(folder, file), code)
      const { stdout, stderr } = await shell(command, { cwd: folder })
      if (stderr) throw new Error(`it says on stderr: ${stderr}`)
      const right = takesRelaxedSimd()
        ? /^epoch 0: loss 0\.\d{4}, accuracy 0\.9\d{3}\n$/.test(stdout)
        : stdout === `${printed}\n`
      if (!right) throw new Error(`it prints ${stdout}, and the README says ${printed}`)
      return stdout.trim()
    },
  )
}
