/** The options of `simdgrad new`: a folder, and what is to be in it. */
import { ArgumentError } from '../errors.js'
import { didYouMean } from './values.js'

/** What a new project may be: a page that Vite serves, with a Worker that trains, or a script for Node. */
export const TEMPLATES = ['page', 'node'] as const
export type Template = (typeof TEMPLATES)[number]

export const LANGUAGES = ['typescript', 'javascript'] as const
export type Language = (typeof LANGUAGES)[number]

/** A language by its file's ending. */
const SHORT: Readonly<Record<string, string>> = { ts: 'typescript', js: 'javascript' }

/** As node:util's parseArgs takes them. */
export const NEW = {
  template: { type: 'string' },
  language: { type: 'string' },
  package: { type: 'string' },
} as const

/** The options of `simdgrad new`; what is undefined is asked for on a terminal, and else the first of the list. */
export interface NewOptions {
  /** The folder of the new project: one that is not there yet, or that is empty. */
  folder: string
  template: Template | undefined
  language: Language | undefined
  /** What package.json asks for as simdgrad; by default the package that runs, as it was installed. */
  package: string | undefined
}

/** @throws ArgumentError for no folder, or a template or language that there is not */
export function newOptions(texts: Map<string, string>, folder: string | undefined): NewOptions {
  if (folder === undefined || folder === '') {
    throw new ArgumentError('new needs the folder of the new project: simdgrad new DIR.')
  }
  return {
    folder,
    template: oneOf(TEMPLATES, 'template', texts.get('template')),
    language: oneOf(LANGUAGES, 'language', texts.get('language')),
    package: texts.get('package'),
  }
}

/** @throws ArgumentError for a text that is none of them */
export function oneOf<T extends string>(
  known: readonly T[],
  option: string,
  text: string | undefined,
): T | undefined {
  if (text === undefined) return undefined
  const found = known.find((name) => name === (Object.hasOwn(SHORT, text) ? SHORT[text] : text))
  if (found !== undefined) return found
  throw new ArgumentError(
    `--${option} is '${text}'${didYouMean(text, known)}; allowed are ${known.join(', ')}.`,
  )
}
