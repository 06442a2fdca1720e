import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { READ_OPERATORS } from '../../src/onnx/read/operators.js'

it('docs/onnx.md lists the operators that are read', () => {
  const text = readFileSync(new URL('../../docs/onnx.md', import.meta.url), 'utf8')
  const listed =
    /<!-- operators:start[^>]*-->\s*([^<]*?)\s*<!-- operators:end -->/.exec(text)?.[1].split(', ') ?? []
  expect([...listed].sort()).toEqual(READ_OPERATORS)
})
