/** Where the package's own worker for Node is: as own.ts. */
export function ownWorker(): string | URL {
  return new URL('./worker.node.js', import.meta.url)
}
