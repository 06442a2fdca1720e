/** Where the package's own worker for Node is: as own.ts. */
export function ownWorker(): string | URL {
  return new URL('./worker.node.js', import.meta.url)
}

/** The file that this is in; in what webpack builds, the package's own, where it was then. */
export const here: string | undefined = import.meta.url
