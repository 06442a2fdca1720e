/**
 * Makes this process a runtime that grants no more wasm memory than so many MiB, as phones do; shared memory only.
 * To be called before `init`.
 *
 * @param {number} mebibytes
 */
export function limitMemory(mebibytes) {
  const { Memory } = WebAssembly
  class Limited extends Memory {
    /** @param {WebAssembly.MemoryDescriptor} descriptor */
    constructor(descriptor) {
      if ((descriptor.maximum ?? Infinity) > mebibytes * 16)
        throw new RangeError('more than this runtime grants')
      super(descriptor)
    }
  }
  Reflect.set(WebAssembly, 'Memory', Limited)
}

/**
 * What came of a call: its result, or the name of the error that it threw, as `RangeError: …` where that is none of ours.
 *
 * @template T
 * @param {() => T} call
 * @param {abstract new (...args: never[]) => Error} ours
 * @returns {T | string}
 */
export function outcome(call, ours) {
  try {
    return call()
  } catch (error) {
    if (error instanceof ours) return error.name
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}
