/** What saving, loading and hashing say of an argument of the wrong kind. */
import {
  ArgumentError,
  decodeState,
  encodeState,
  hashState,
  loadSafetensors,
  nn,
  ones,
  saveSafetensors,
} from 'simdgrad'
import { beforeAll, describe, expect, it } from 'vitest'
import { initForTest } from '../support/init.js'

beforeAll(initForTest)

type Call = (...args: unknown[]) => unknown
const untyped = (call: unknown) => call as Call

/** What takes a state dict, each with the arguments before it. */
const TAKE_STATES: [name: string, call: Call][] = [
  ['encodeState', untyped(encodeState)],
  ['hashState', untyped(hashState)],
  ['saveSafetensors', (state) => untyped(saveSafetensors)('/nowhere/w.safetensors', state)],
]

/** The error of a call, whether it is thrown or comes later. */
const errorOf = (call: () => unknown) =>
  Promise.resolve()
    .then(call)
    .then(
      () => undefined,
      (error: unknown) => error,
    )

describe.each(TAKE_STATES)('%s', (_, call) => {
  it.each<[string, () => unknown, string]>([
    ['nothing', () => undefined, 'expected a state dict, tensors by name, got undefined'],
    ['null', () => null, 'got null'],
    ['a path', () => 'w.safetensors', "got 'w.safetensors'"],
    ['a net', () => new nn.Linear(2, 3), 'got a Linear; net.stateDict() gives one'],
    ['a tensor', () => ones([2]), 'got a Tensor'],
    ['tensors without names', () => [ones([2])], 'got an array'],
    ['numbers', () => ({ a: ones([2]), b: [1, 2] }), "'b' of the state dict is an array, expected a tensor"],
    ['a hole', () => ({ a: undefined }), "'a' of the state dict is undefined, expected a tensor"],
  ])('refuses %s', async (_, state, message) => {
    const error = await errorOf(() => call(state()))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(String(error)).toContain(message)
  })
})

describe('bytes that are none', () => {
  it.each<[string, Call, unknown, string]>([
    [
      'decodeState of a path',
      untyped(decodeState),
      'w.safetensors',
      "decodeState: expected a file's bytes as a Uint8Array",
    ],
    [
      'decodeState of a buffer',
      untyped(decodeState),
      new ArrayBuffer(8),
      'new Uint8Array(buffer) makes one of it',
    ],
    [
      'loadSafetensors of a number',
      untyped(loadSafetensors),
      5,
      'loadSafetensors: expected a path, a URL, or',
    ],
    ['loadSafetensors of a list', untyped(loadSafetensors), ['file:///w'], 'got an array'],
  ])('%s', async (_, call, given, message) => {
    const error = await errorOf(() => call(given))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(String(error)).toContain(message)
  })

  it('saveSafetensors with its arguments in the other order', async () => {
    const error = await errorOf(() => untyped(saveSafetensors)({ a: ones([2]) }, 'w.safetensors'))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(String(error)).toContain('saveSafetensors: expected a path and then a state dict, got an object')
  })
})
