// The table of PyTorch's names in docs/from-pytorch.md, from docs/pytorch-names.json (name → "the same", "differs: …" or
// "not here: …"):
//
//   node scripts/pytorch-names.mjs              writes the table
//   node scripts/pytorch-names.mjs --exported   first marks as "the same" what the built package exports and the file
//                                               says is not here, and as "not here: not yet" what it exports no longer
//
// test/docs/pytorch-names.test.ts holds file, table, exports and PyTorch's own list (test/fixtures/torch_names.py) against
// each other.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const at = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
export const DATA = at('docs/pytorch-names.json')
export const GUIDE = at('docs/from-pytorch.md')

/** @typedef {Record<string, Record<string, string>>} Names PyTorch's modules, to their names, to what is said of them. */

/** Where each of PyTorch's modules is here: the first place that has the name.
 * @type {Record<string, string[]>} */
const PLACES = {
  'torch.nn': ['nn'],
  'torch.nn.functional': ['nn.functional'],
  'torch.nn.init': ['nn.init'],
  'torch.optim': ['optim'],
  'torch.optim.lr_scheduler': ['optim.lrScheduler', 'optim.lr_scheduler', 'optim'],
}

/** A name without its case and underscores between words: `l1_loss` and `l1Loss` are the same.
 * @param {string} name */
const key = (name) => name.replace(/_(?=.)/g, '').toLowerCase()

/**
 * The path of what goes by a name of PyTorch's, such as `nn.functional.crossEntropy`; undefined where there is none.
 *
 * @param {Record<string, unknown>} simdgrad the package
 * @param {string} module of PyTorch's
 * @param {string} name
 * @returns {string | undefined}
 */
export function pathOf(simdgrad, module, name) {
  for (const place of PLACES[module]) {
    /** @type {unknown} */
    let found = simdgrad
    for (const part of place.split('.')) found = found && /** @type {Record<string, unknown>} */ (found)[part]
    if (!found) continue
    const own = Object.entries(found).find(
      ([each, value]) => typeof value === 'function' && key(each) === key(name),
    )
    if (own) return `${place}.${own[0]}`
  }
  return undefined
}

/** What a name is here by the rules of camelCase, for the table. @param {string} module @param {string} name */
function guess(module, name) {
  const camel = /^[A-Z]/.test(name) ? name : name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase())
  return `${PLACES[module][0]}.${camel}`
}

/**
 * The tables, as they stand in the guide.
 *
 * @param {Names} names
 * @param {(module: string, name: string) => string | undefined} find `pathOf` of the package
 */
export function tables(names, find) {
  return Object.entries(names)
    .map(([module, entries]) => {
      const rows = Object.entries(entries).map(([name, status]) => {
        const here = status.startsWith('not here') ? '' : `\`${find(module, name) ?? guess(module, name)}\``
        return `| \`${name}\` | ${here} | ${status} |`
      })
      return [`### ${module}`, '', '| PyTorch | simdgrad | |', '|---|---|---|', ...rows].join('\n')
    })
    .join('\n\n')
}

const MARKS = ['<!-- names:begin (node scripts/pytorch-names.mjs) -->', '<!-- names:end -->']

/** The part of the guide that is generated. @param {string} guide */
export function generatedPart(guide) {
  const [begin, end] = MARKS.map((mark) => guide.indexOf(mark))
  if (begin < 0 || end < begin) throw new Error(`docs/from-pytorch.md lacks ${MARKS.join(' … ')}`)
  return { begin: begin + MARKS[0].length, end, text: guide.slice(begin + MARKS[0].length, end).trim() }
}

async function main() {
  /** @type {Record<string, unknown>} */
  const simdgrad = await import(pathToFileURL(at('dist/index.node.js')).href)
  /** @type {Names} */
  const names = JSON.parse(readFileSync(DATA, 'utf8'))
  const find = (/** @type {string} */ module, /** @type {string} */ name) => pathOf(simdgrad, module, name)
  if (process.argv.includes('--exported')) {
    for (const [module, entries] of Object.entries(names)) {
      for (const [name, status] of Object.entries(entries)) {
        const [here, exported] = [!status.startsWith('not here'), find(module, name) !== undefined]
        if (here === exported) continue
        entries[name] = exported ? 'the same' : 'not here: not yet'
        console.log(`${module}.${name}: ${status} → ${entries[name]}`)
      }
    }
    writeFileSync(DATA, `${JSON.stringify(names, null, 2)}\n`)
  }
  const guide = readFileSync(GUIDE, 'utf8')
  const { begin, end } = generatedPart(guide)
  writeFileSync(GUIDE, `${guide.slice(0, begin)}\n\n${tables(names, find)}\n\n${guide.slice(end)}`)
  for (const [module, entries] of Object.entries(names)) {
    const open = Object.keys(entries).filter((name) => entries[name] === 'not here: not yet')
    if (open.length > 0) console.log(`${module}, not yet: ${open.join(', ')}`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
