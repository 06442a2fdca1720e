// Makes dist/ from src/: the compiler's output, a module for each source, which bundlers for browsers pick from; beside
// it the binaries; and for Node, Bun and Deno, which would open two hundred files one by one, the same in one file, with
// the command and the packages that it uses: who installs the library installs nothing else.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
const [src, dist] = [join(root, 'src'), join(root, 'dist')]
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
/** At the top of the command. */
const REQUIRE =
  "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\n"

rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
cpSync(join(src, 'bindings/wasm'), join(dist, 'bindings/wasm'), { recursive: true })
cpSync(join(src, 'bindings/binary.d.ts'), join(dist, 'bindings/binary.d.ts'))
// As they are: the compiler would mark them as modules, by an export.
for (const file of ['worker.node.js', 'worker.web.js']) {
  cpSync(join(src, 'bindings', file), join(dist, 'bindings', file))
}
for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  // What only Node and the command use is in their files alone.
  const bundled = /^(cli|distributed)[/\\].*\.js$|\.node\.js$/.test(file) && !file.endsWith('worker.node.js')
  if (bundled) rmSync(join(dist, file))
}
packDeclarations()
await bundleForNode()
chmodSync(join(dist, 'cli/main.js'), 0o755)

/**
 * Of the declarations those are packed that package.json names, and what they import: all that a user's compiler reads.
 * (The checkout's own tests and benchmarks read the others, too.)
 */
function packDeclarations() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const named = JSON.stringify(exports).matchAll(/"\.\/dist\/([^"]+\.d\.ts)"/g)
  const packed = new Set([...named].map(([, file]) => join(dist, file)))
  for (const file of packed) {
    for (const [, path] of readFileSync(file, 'utf8').matchAll(
      /(?:from |import\(|import )['"](\.[^'"]+)\.js['"]/g,
    )) {
      packed.add(join(dirname(file), `${path}.d.ts`))
    }
  }
  const others = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.d.ts') && !packed.has(join(dist, file)),
  )
  writeFileSync(join(dist, '.npmignore'), others.map((file) => `/${file.replaceAll('\\', '/')}\n`).join(''))
}

/** The entries share one file, and so one set of tensors, threads and classes. */
async function bundleForNode() {
  const result = await build({
    configFile: false,
    root,
    logLevel: 'error',
    publicDir: false,
    plugins: [{ name: 'files-of-dist', transform: (code, id) => filesOfDist(code, id) }],
    // (What only simdgrad/onnx needs, its users install.)
    ssr: { noExternal: true, external: ['@bufbuild/protobuf'] },
    build: {
      ssr: true,
      outDir: dist,
      emptyOutDir: false,
      target: 'es2022',
      // Stacks and debuggers show it as it was written.
      minify: false,
      rolldownOptions: {
        // All is exported, and package.json names the files with side effects as they are in dist/.
        treeshake: false,
        input: {
          'index.node': join(src, 'index.node.ts'),
          'nets/index.node': join(src, 'nets/index.node.ts'),
          'distributed/index.node': join(src, 'distributed/index.node.ts'),
          'export/index.node': join(src, 'export/index.node.ts'),
          'onnx/index.node': join(src, 'onnx/index.node.ts'),
          'in-worker/train-in-worker.node': join(src, 'in-worker/train-in-worker.node.ts'),
          'in-worker/training-worker.node': join(src, 'in-worker/training-worker.node.ts'),
          'internals.node': join(src, 'internals.node.ts'),
          'cli/main': join(src, 'cli/main.ts'),
        },
        output: {
          entryFileNames: '[name].js',
          chunkFileNames: '[name].js',
          // Errors and printed nets have the names of classes and functions.
          keepNames: true,
          // A bundle of CommonJS has no import.meta.url, of which a require would be made; only the command's progress bar
          // needs one, and nobody bundles the command.
          polyfillRequire: false,
          banner: ({ name }) => (name === 'cli/main' ? REQUIRE : ''),
          // They would make every start a fifth slower to read; editors take them from the declarations.
          comments: { jsdoc: false },
          codeSplitting: {
            groups: [
              { name: 'own.node', test: /\/src\/bindings\/own\.(node\.)?ts$/, priority: 1 },
              // (What few import is no part of every start.)
              { name: 'library.node', test: /\/src\/(?!(?:cli|distributed|export|in-worker|onnx)\/)/ },
            ],
          },
        },
      },
    },
  })
  const { output } = /** @type {import('vite').Rollup.RollupOutput} */ (result)
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
  writeFileSync(join(dist, 'cli/LICENSES.txt'), licenses(modules))
}

/**
 * The binaries and the worker stay where they are, beside their module; the bundle lies in dist/ itself.
 *
 * @param {string} code
 * @param {string} id path of the module
 */
function filesOfDist(code, id) {
  return code.replace(/new URL\((['"])(\.\/[^'"]+)\1, import\.meta\.url\)/g, (all, quote, file, at) => {
    // In a comment it is a user's file.
    if (/^\s*\*/.test(code.slice(code.lastIndexOf('\n', at) + 1, at))) return all
    const path = join(relative(src, dirname(id)), file).replaceAll('\\', '/')
    if (!existsSync(join(dist, path))) throw new Error(`${id} names ${file}, which dist/ does not have`)
    return `new URL(${quote}./${path}${quote}, import.meta.url)`
  })
}

/** What the licences of the packages ask for: to be passed on. @param {string[]} modules paths of what was bundled */
function licenses(modules) {
  const folders = modules.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
  return [...new Set(folders)]
    .flatMap((folder) => (folder ? [folder] : []))
    .sort()
    .map((folder) => {
      const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
      if (!file) throw new Error(`${folder} has no licence`)
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
    })
    .join('\n---\n\n')
}
