#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { SimdgradError } from '../errors.js'
import { info } from './info.js'
import { trainMnist } from './mnist.js'
import { type Command, parseCommandLine, usage } from './options.js'

async function main(args: readonly string[]): Promise<void> {
  const parsed: Command = parseCommandLine(args)
  switch (parsed.command) {
    case 'mnist':
      return trainMnist(parsed.options)
    case 'info':
      return info()
    case 'help':
      console.log(usage())
      return
    case 'version': {
      const file = new URL('../../package.json', import.meta.url)
      console.log((JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version)
    }
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  // A user's mistake or a broken file is told in words; anything else is ours, and wants its stack.
  console.error(error instanceof SimdgradError ? `simdgrad: ${error.message}` : error)
  process.exitCode = 1
})
