#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { SimdgradError } from '../errors.js'
import { reportOf } from './histories.js'
import { info } from './info.js'
import { inspectNet } from './inspect.js'
import { trainMnist } from './mnist.js'
import { newProject } from './new.js'
import { type Command, parseCommandLine } from './options.js'
import { usage } from './usage.js'

/** Runs a command line. @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  const parsed: Command = parseCommandLine(args)
  switch (parsed.command) {
    case 'mnist':
      return trainMnist(parsed.options, args)
    case 'report':
      await reportOf(parsed.files, parsed.report, args)
      break
    case 'inspect':
      return inspectNet(parsed.options)
    case 'new':
      await newProject(parsed.options)
      break
    case 'info':
      await info()
      break
    case 'help':
      console.log(usage())
      break
    case 'version': {
      const file = new URL('../../package.json', import.meta.url)
      console.log((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version)
    }
  }
  return 0
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    // A user's mistake or a broken file is told in words; anything else is ours, and wants its stack.
    console.error(error instanceof SimdgradError ? `simdgrad: ${error.message}` : error)
    process.exitCode = 1
  },
)
