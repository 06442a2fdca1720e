// Where binary and worker are: bundlers that find them need to be told nothing; test/package/bundles.mjs writes the others.
export const locations = {}
