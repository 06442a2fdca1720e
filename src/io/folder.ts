/** As much of a folder as checkpoints need: on a disk (folder.node.ts), or a browser's own (folder.web.ts). */
export interface Folder {
  /** What errors call it. */
  readonly path: string
  /** Makes it, where it is not there, and tries whether files can be written. */
  prepare(): Promise<void>
  /** The names of its files; none where there is no such folder. */
  list(): Promise<string[]>
  /** A file's bytes. */
  read(name: string): Promise<Uint8Array>
  /** Writes a file, whole or not at all. */
  write(name: string, bytes: Uint8Array): Promise<void>
  /** Removes a file, if it is there. */
  remove(name: string): Promise<void>
}
