// Which blocks of code run in the reader's browser: those that need nothing but the library.

/** What a page does not have, or not with what a block has in Node. */
const ELSEWHERE =
  /^\/\/ not run: |\bprocess\.|\bBuffer\b|\bawait import\(|data\.(mnist|imageFolder|cifar10|cifar100|fashionMnist)\(|(save|load)Safetensors\(|(save|load|latest)Checkpoint|checkpoint\(|\bpapaparse\b|data\.csv\(|\bbackend\.threads\b|\bFolder\b|\breadFile|\bworker_threads\b/

/** Whether a page can run a block. @param {string} code */
export function isLive(code) {
  const sources = Array.from(code.matchAll(/^import [^'"]* from ['"](.*)['"]/gm), ([, source]) => source)
  const own = sources.every((source) => source === 'simdgrad' || source === 'simdgrad/nets')
  return sources.length > 0 && own && !ELSEWHERE.test(code)
}

/**
 * A module's text as the body of an asynchronous function of `simdgrad` and `nets`.
 *
 * @param {string} code
 */
export function asBody(code) {
  return code.replace(
    /^import \{([^}]*)\} from ['"]simdgrad(\/nets)?['"];?$/gm,
    (_, names, nets) => `const {${names.replaceAll(' as ', ': ')}} = ${nets ? 'nets' : 'simdgrad'}`,
  )
}
