import type { Memory } from './memory.js'

/** A part of a storage, as a kernel takes it: `length` elements from `start` on. */
export class Part implements Memory {
  constructor(
    readonly of: Memory,
    readonly start: number,
    readonly length: number,
  ) {}

  get address(): number {
    return this.of.address + 4 * this.start
  }

  get version(): number {
    return this.of.version
  }

  set version(version: number) {
    this.of.version = version
  }

  willChange(): void {
    this.of.willChange()
  }
}
