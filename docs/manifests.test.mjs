// `node --test docs/manifests.test.mjs`: docs/manifests against Kubernetes' own schemas, and, where SIMDGRAD_MPIJOB_CRD
// names the MPI operator's manifests/base/kubeflow.org_mpijobs.yaml, against that. (No registry has it; that of v0.8.2
// took them. What of it they use is in docs/manifests/schema.json.)
import { deepEqual, match, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { PersistentVolumeClaim, Pod } from 'kubernetes-models/v1'
import { parse } from 'yaml'

/** @param {string} name */
const read = (name) => parse(readFileSync(new URL(`manifests/${name}.yaml`, import.meta.url), 'utf8'))
const [job, claim] = [read('mpijob'), read('checkpoints')]

/** A pod of the job's, as the operator makes it. @param {string} role @param {object} [more] */
function check(role, more) {
  const { spec } = job.spec.mpiReplicaSpecs[role].template
  new Pod({ metadata: { name: role.toLowerCase() }, spec: { ...spec, ...more } }).validate()
}

test('the pods and the claim fit the schemas of Kubernetes', () => {
  for (const role of ['Launcher', 'Worker']) check(role)
  new PersistentVolumeClaim(claim).validate()
  throws(() => check('Worker', { containers: {} }), /containers must be array/)
  throws(() => check('Worker', { volumes: [{ persistentVolumeClaim: { claimName: 'x' } }] }), /name/)
  const spec = { ...claim.spec, resources: { requests: { storage: '1Gibi' } } }
  throws(() => new PersistentVolumeClaim({ ...claim, spec }).validate(), /must match format "quantity"/)
})

/** A schema that takes no names but its own. @param {unknown} schema @returns {unknown} */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed)
  if (Object(schema) !== schema) return schema
  const { format, pattern, anyOf, ...rest } = /** @type {Record<string, unknown>} */ (schema)
  // (What is a name of a property, stays.)
  const kept = typeof format === 'object' ? { format } : {}
  const either = rest['x-kubernetes-int-or-string'] ? { type: ['integer', 'string'] } : { anyOf }
  const own = Object.entries({
    ...rest,
    ...kept,
    ...(either.anyOf === undefined && 'anyOf' in either ? {} : either),
  })
  const all = Object.fromEntries(own.map(([name, value]) => [name, closed(value)]))
  const names = rest.type === 'object' && Object(rest.properties) === rest.properties
  return names && !('additionalProperties' in rest) ? { ...all, additionalProperties: false } : all
}

const path = process.env.SIMDGRAD_MPIJOB_CRD
if (path) {
  test('the job fits the MPI operator’s definition', () => {
    const { spec } = parse(readFileSync(path, 'utf8'))
    /** @param {{ name: string }} version */
    const isOurs = ({ name }) => name === job.apiVersion.split('/')[1]
    const schema = /** @type {{ properties: object }} */ (
      closed(spec.versions.find(isOurs).schema.openAPIV3Schema)
    )
    const { default: Ajv } = createRequire(import.meta.resolve('kubernetes-models/v1'))('ajv')
    const validate = new Ajv({ strict: false }).compile({
      ...schema,
      properties: { ...schema.properties, metadata: { type: 'object' } },
    })
    ok(validate(job), JSON.stringify(validate.errors))
    ok(!validate({ ...job, spec: { ...job.spec, slotsPerWorke: 1 } }))
    deepEqual(
      validate.errors?.map(({ params }) => params.additionalProperty),
      ['slotsPerWorke'],
    )
    match(spec.names.kind, new RegExp(`^${job.kind}$`))
  })
}
