/** The API reference from the docstrings of src/, and what these lack. */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, Converter, ReflectionKind } from 'typedoc'
import ts from 'typescript'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

/** The entries besides `simdgrad`: the module as TypeDoc names it, `simdgrad/…`, and what it is. */
const OTHERS = [
  ['nets', 'nets', 'the nets of the command and the examples'],
  ['distributed', 'distributed', 'training on several processes'],
  ['export', 'export', 'nets as files of C and JavaScript'],
  ['onnx/index.node', 'onnx', 'ONNX models, read and written'],
  ['in-worker/train-in-worker', 'train-in-worker', "a page's side of a training Worker"],
  ['in-worker/training-worker', 'training-worker', "the Worker's side"],
]

/** What the package exports. */
const ENTRIES = [
  '../src/index.node.ts',
  ...OTHERS.map(([module]) => `../src/${module.includes('/') ? module : `${module}/index`}.ts`),
]

/** The modules of all entries, as a pattern. */
const MODULE = ['index.node', ...OTHERS.map(([module]) => module)]
  .map((module) => module.replaceAll('.', '\\.'))
  .join('|')

/**
 * Reads the docstrings of entry points, the package's unless others are given.
 *
 * @returns `complaints`, one line for each thing that a docstring lacks, and `write(folder)`
 */
export async function readDocstrings(entryPoints = ENTRIES) {
  const app = await Application.bootstrapWithPlugins({
    options: path('typedoc.json'),
    tsconfig: path('tsconfig.json'),
    entryPoints: entryPoints.map(path),
  })
  const complaints = []
  app.converter.on(Converter.EVENT_RESOLVE_END, (context) => {
    for (const reflection of Object.values(context.project.reflections)) {
      if (context.project.reflections[reflection.id] && isElsewhere(reflection, context)) {
        context.project.removeReflection(reflection)
      }
    }
    for (const reflection of Object.values(context.project.reflections)) {
      complaints.push(...lacks(reflection, context))
      nameErrors(reflection.comment)
    }
  })
  const project = await app.convert()
  if (!project) throw new Error('the sources were not read: see above')
  return {
    complaints: complaints.sort(),
    async write(folder) {
      app.options.setValue('out', folder)
      await app.generateOutputs(project)
      tidy(folder)
    },
  }
}

/** Whether a member is inherited from a class that is documented too: it is described there, once. */
function isElsewhere(reflection, context) {
  if (!reflection.inheritedFrom) return false
  const declarations = (of) => context.getSymbolFromReflection(of)?.declarations ?? []
  const classes = context.project.getReflectionsByKind(ReflectionKind.Class).flatMap(declarations)
  return declarations(reflection).some(({ parent }) => classes.includes(parent))
}

const NEEDS_SUMMARY =
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Variable |
  ReflectionKind.Property |
  ReflectionKind.CallSignature |
  ReflectionKind.GetSignature

/** What the house asks for: a summary; each parameter named or described; the errors where it throws. */
function lacks(reflection, context) {
  const owner = reflection.kindOf(ReflectionKind.SomeSignature) ? reflection.parent : reflection
  // By the name that users write, without the entry's file.
  const name = owner.getFullName().replace(new RegExp(`^(${MODULE}).`), '')
  const found = []
  const summary = textOf(reflection.comment?.summary)
  // The parts of a type are described with the type.
  if (reflection.parent?.kindOf(ReflectionKind.TypeLiteral)) return found
  if (reflection.kindOf(NEEDS_SUMMARY) && !summary) found.push(`${name}: no summary`)
  const isConstructor = reflection.kindOf(ReflectionKind.ConstructorSignature)
  if (!isConstructor && !reflection.kindOf(ReflectionKind.CallSignature)) return found
  for (const parameter of reflection.parameters ?? []) {
    // No parameter, but TypeScript's word for what a method is called of.
    if (parameter.name === 'this') continue
    const named = [...summary.matchAll(/`([^`]*)`/g)].some(([, code]) =>
      new RegExp(`(?<!\\w)${parameter.name}(?!\\w)`).test(code),
    )
    if (!named && !textOf(parameter.comment?.summary) && !describesItself(parameter)) {
      found.push(`${name}: parameter ${parameter.name} is not described`)
    }
  }
  if (throwsItself(reflection.parent, context) && !reflection.comment?.getTag('@throws')) {
    found.push(`${name}: throws, and does not say what`)
  }
  return found
}

function textOf(parts) {
  return (parts ?? []).map(({ text }) => text).join('')
}

/** An options object, whose properties are described one by one. */
function describesItself({ type }) {
  return type?.type === 'reference' && type.reflection?.kindOf(ReflectionKind.Interface)
}

/** Whether the function's own body throws, or checks its arguments with a `check…` function. */
function throwsItself(reflection, context) {
  const declarations = context.getSymbolFromReflection(reflection)?.declarations ?? []
  const throws = (node) =>
    ts.isThrowStatement(node) ||
    (ts.isCallExpression(node) && /^check[A-Z]/.test(node.expression.getText())) ||
    ts.forEachChild(node, (child) => (ts.isFunctionLike(child) ? undefined : throws(child) || undefined)) ===
      true
  return declarations.some((node) => node.body && throws(node.body))
}

/** TypeDoc leaves the braces of `@throws {ShapeError} when …` out: the error's name goes into the text. */
function nameErrors(comment) {
  for (const tag of comment?.blockTags ?? []) {
    if (tag.tag !== '@throws' || !tag.typeAnnotation) continue
    tag.content.unshift({ kind: 'code', text: `\`${tag.typeAnnotation.slice(1, -1)}\` ` })
    tag.typeAnnotation = undefined
  }
}

/**
 * Short file names (nn.md), the package's own entry as the first page, in place of TypeDoc's list of entries, and no
 * default where there is none.
 */
function tidy(folder) {
  const short = (text) =>
    OTHERS.reduce(
      (all, [module, entry]) => all.replaceAll(`${module.replaceAll('/', '.')}.`, `${entry}.`),
      text,
    )
      .replace(/(?<=[(/.]|^)(nn\.)?Namespace\.(\w+\.md)/gm, '$1$2')
      .replace(/(?<=[(/]|^)index\.node\.(?!md)/gm, '')
      .replace(/(?<=[(/]|^)index\.node\.md/gm, 'README.md')
  rmSync(join(folder, 'README.md'))
  for (const file of readdirSync(folder).filter((file) => file.endsWith('.md'))) {
    const others = OTHERS.map(([, entry, what]) => `[simdgrad/${entry}](${entry}.md), ${what}`).join('; ')
    let text = readFileSync(join(folder, file), 'utf8').replace(
      /^# index\.node$/m,
      `# simdgrad\n\nEntries of their own are ${others}.`,
    )
    for (const [module, entry] of OTHERS) text = text.replace(`# ${module}\n`, `# simdgrad/${entry}\n`)
    writeFileSync(join(folder, file), short(text).replace(/(?<!\\)\| `undefined` \|/g, '| |'))
    renameSync(join(folder, file), join(folder, short(file)))
  }
}
