/**
 * What a binary may be given as. The names of the web are looked up, as not every project's TypeScript knows them all:
 * one for Node has no WebAssembly.
 */
type Global<Name extends string> =
  typeof globalThis extends Record<Name, { prototype: infer Type }> ? Type : never

/** A compiled binary. */
type Module = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Type } } } ? Type : object

/**
 * Where the binary is: the URL of a folder (it ends in `/`) that holds the package's under their names, or one
 * binary as its URL, response, bytes or module. In Node a path will do for a URL.
 */
export type WasmSource = string | URL | Global<'Response'> | ArrayBuffer | ArrayBufferView | Module
