/** Where the package's own worker for Node is: as own.ts. */
export const ownWorker = (): string | URL => new URL('./worker.node.js', import.meta.url)
