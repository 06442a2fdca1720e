/**
 * The manifests of docs/distributed.md, against what of their schemas they use (docs/manifests/schema.json, written by
 * hand after the MPI operator's v2beta1 and Kubernetes' v1): every name is known, and of its type. docs/manifests.test.mjs
 * has the schemas themselves.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const folder = new URL('../../docs/manifests/', import.meta.url)
const schemas = JSON.parse(readFileSync(new URL('schema.json', folder), 'utf8')) as Record<string, Schema>
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))

interface Schema {
  $ref?: string
  type?: 'string' | 'integer' | 'boolean' | 'name' | 'quantity'
  enum?: unknown[]
  required?: string[]
  properties?: Record<string, Schema>
  /** Of an array's elements. */
  items?: Schema
  /** Of an object's values, whatever their names. */
  values?: Schema
}

const TYPES: Record<NonNullable<Schema['type']>, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  name: (value) => typeof value === 'string' && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(value),
  quantity: (value) => /^\d+(\.\d+)?(m|[KMGT]i?)?$/.test(String(value)),
}

/** What is wrong with a value, and where. */
function faults(value: unknown, schema: Schema, at = ''): string[] {
  if (schema.$ref) return faults(value, schemas[schema.$ref], at)
  if (schema.enum) return schema.enum.includes(value) ? [] : [`${at} is ${value}`]
  if (schema.type) return TYPES[schema.type](value) ? [] : [`${at} is no ${schema.type}: ${value}`]
  const { items, values, properties = {}, required = [] } = schema
  if (items) {
    return Array.isArray(value)
      ? value.flatMap((one, i) => faults(one, items, `${at}[${i}]`))
      : [`${at} is no array`]
  }
  if (typeof value !== 'object' || value === null) return [`${at} is no object`]
  const entries = Object.entries(value)
  const missing = required.filter((name) => !(name in value)).map((name) => `${at} has no ${name}`)
  const found = entries.flatMap(([name, one]) => {
    const of = values ?? properties[name]
    return of ? faults(one, of, `${at}.${name}`) : [`${at} has an unknown ${name}`]
  })
  return [...missing, ...found]
}

describe.each(files)('docs/manifests/%s', (name) => {
  const text = readFileSync(new URL(name, folder), 'utf8')
  const manifest = parse(text) as { kind: string }

  it('fits its schema', () => {
    expect(faults(manifest, schemas[manifest.kind])).toEqual([])
  })

  it('does not where a name is misspelt, a value of another type, or one is missing', () => {
    const broken = (from: RegExp, to: string) => faults(parse(text.replace(from, to)), schemas[manifest.kind])
    expect(text).toMatch(/^ {2}name: /m)
    expect(broken(/^ {2}name: /m, '  nane: ')).toEqual([
      '.metadata has no name',
      '.metadata has an unknown nane',
    ])
    expect(broken(/^apiVersion: .*/m, 'apiVersion: v0')).toEqual(['.apiVersion is v0'])
    expect(broken(/^ {2}name: .*/m, '  name: Not_A_Name')).toEqual(['.metadata.name is no name: Not_A_Name'])
  })

  it('is the one that the guide shows', () => {
    const guide = readFileSync(new URL('../distributed.md', folder), 'utf8')
    expect(guide).toContain(`\`\`\`yaml\n${text}\`\`\``)
  })
})

it('there are some', () => expect(files.length).toBeGreaterThan(1))
