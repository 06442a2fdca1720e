// Makes dist/ from src/: the compiler's output, beside it the binaries, and the command in one file with the
// packages that it uses: who installs the library installs nothing else.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
rmSync(join(root, 'dist'), { recursive: true, force: true })
execFileSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
cpSync(join(root, 'src/bindings/wasm'), join(root, 'dist/bindings/wasm'), { recursive: true })
await bundleCommand(join(root, 'src/cli'), join(root, 'dist/cli'))
chmodSync(join(root, 'dist/cli/main.js'), 0o755)

/**
 * @param {string} from
 * @param {string} to
 */
async function bundleCommand(from, to) {
  for (const file of readdirSync(to)) if (file.endsWith('.js')) rmSync(join(to, file))
  const result = await build({
    configFile: false,
    root,
    logLevel: 'error',
    publicDir: false,
    ssr: { noExternal: true },
    build: {
      ssr: true,
      outDir: to,
      emptyOutDir: false,
      target: 'es2022',
      minify: false,
      rollupOptions: {
        input: join(from, 'main.ts'),
        // The package itself, which is not part of the command.
        external: (id, importer) => id.startsWith('../') && dirname(importer ?? '') === from,
        output: { entryFileNames: '[name].js' },
      },
    },
  })
  const { output } = /** @type {import('vite').Rollup.RollupOutput} */ (result)
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
  writeFileSync(join(to, 'LICENSES.txt'), licenses(modules))
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
