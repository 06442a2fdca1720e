/** The same for Node, in one file with the rest. */
export * from './internals.js'
