/**
 * Hooks: a user's functions that run before and after one module's `forward`, whoever calls it. A module with hooks has
 * a `forward` of its own, which runs them around the class's; without, it has none, and nothing costs anything.
 * https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook
 */
import { unfused } from '../autograd/fuse.js'
import { checkBoolean, checkOptions, kindOf } from '../check.js'
import { ArgumentError } from '../errors.js'
import { outside } from '../tensor/scope.js'

/** What registering a hook gives. */
export interface HookHandle {
  /** Takes the hook away again; a second time it does nothing. */
  remove(): void
}

/** `T`, with a hint (an empty type) by which `[a, b]` in its place is a pair and not an array. */
type Given<T> = T | (T & [])

/** Something with a forward, as a hook sees it. */
type Called = { forward(...inputs: readonly never[]): unknown }

/** Is called after a forward; what it gives takes the output's place. */
export type ForwardHook<M extends Called> = (
  module: M,
  inputs: Parameters<M['forward']>,
  output: ReturnType<M['forward']>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks gives nothing
) => Given<ReturnType<M['forward']>> | undefined | void

/** Is called before a forward; what it gives takes the inputs' place: an array of them, or a single one. */
export type ForwardPreHook<M extends Called> = (
  module: M,
  inputs: Parameters<M['forward']>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks gives nothing
) => Given<Parameters<M['forward']>> | Given<Parameters<M['forward']>[0]> | undefined | void

/** Options of `registerForwardHook` and `registerForwardPreHook`. */
export interface HookOptions {
  /** Whether it runs before those that are there, instead of after. Default false. */
  prepend?: boolean
}

type Forward = (...inputs: readonly unknown[]) => unknown
/** As a user's function is kept: whatever it takes. */
type Hook = (...given: readonly never[]) => unknown

/** As much of a Module as hooks are about. */
interface Hookable {
  forward(...inputs: readonly never[]): unknown
}

interface Hooks {
  /** Before the forward. */
  before: Hook[]
  /** After it. */
  after: Hook[]
  /** Gives the module the `forward` that it would have without hooks. */
  restore(): void
}

const hooksOf = new WeakMap<object, Hooks>()

/** Calls `hook`, and gives what it gives, undefined for null. @throws {ArgumentError} for a promise */
function call(name: string, hook: Hook, ...given: readonly unknown[]): unknown {
  const result: unknown = Reflect.apply(hook, undefined, given)
  if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
    throw new ArgumentError(`${name}: the hook is asynchronous, but the forward does not wait for it`)
  }
  return result ?? undefined
}

/** The class's forward, or the module's own, with the hooks around it. */
function runHooked(module: Hookable, { before, after }: Hooks, forward: Forward, given: unknown[]): unknown {
  let inputs = given
  // Copies: a hook may remove itself.
  for (const hook of [...before]) {
    const changed = call('registerForwardPreHook', hook, module, inputs)
    if (changed !== undefined) inputs = Array.isArray(changed) ? changed : [changed]
  }
  let output = forward.apply(module, inputs)
  for (const hook of [...after]) {
    output = call('registerForwardHook', hook, module, inputs, output) ?? output
  }
  return output
}

function install(module: Hookable): Hooks {
  const prototype: Hookable = Object.getPrototypeOf(module)
  /** A `forward` that was assigned to this module alone. */
  let own: unknown = Object.getOwnPropertyDescriptor(module, 'forward')?.value
  const hooks: Hooks = {
    before: [],
    after: [],
    restore() {
      Reflect.deleteProperty(module, 'forward')
      if (own !== undefined) Object.assign(module, { forward: own })
    },
  }
  // What hooks see is the user's, and has been computed.
  const hooked = (...inputs: unknown[]) =>
    outside(inputs, () =>
      unfused(inputs, () => runHooked(module, hooks, (own ?? prototype.forward) as Forward, inputs)),
    )
  Object.defineProperty(module, 'forward', {
    configurable: true,
    enumerable: false,
    get: () => hooked,
    set: (forward: unknown) => {
      own = forward
    },
  })
  return hooks
}

/** Gives `to` the hooks that `from` has. */
export function copyHooks(from: Hookable, to: Hookable): void {
  const hooks = hooksOf.get(from)
  for (const kind of ['before', 'after'] as const) {
    for (const hook of hooks?.[kind] ?? []) register('registerForwardHook', kind, to, hook, {})
  }
}

/** Adds a hook of a kind. @throws {ArgumentError} for what is no function */
export function register(
  name: string,
  kind: 'before' | 'after',
  module: Hookable,
  hook: unknown,
  options: HookOptions,
): HookHandle {
  if (typeof hook !== 'function') {
    throw new ArgumentError(`${name}: the hook is a function, got ${kindOf(hook)}`)
  }
  checkOptions(name, options, ['prepend'])
  const { prepend = false } = options
  checkBoolean(name, 'prepend', prepend)
  const hooks = hooksOf.get(module) ?? install(module)
  hooksOf.set(module, hooks)
  // A function of its own, so that one that was given twice is removed once.
  const one: Hook = (...given) => Reflect.apply(hook, undefined, given)
  if (prepend) hooks[kind].unshift(one)
  else hooks[kind].push(one)
  return {
    remove() {
      const at = hooks[kind].indexOf(one)
      if (at < 0) return
      hooks[kind].splice(at, 1)
      if (hooks.before.length + hooks.after.length > 0) return
      hooks.restore()
      hooksOf.delete(module)
    },
  }
}
