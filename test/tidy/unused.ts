// Dead code: exports that nobody takes, and files that nobody reaches. What only a test uses is dead, too, unless its own
// file uses it; what only its own file uses need not be exported.
import { dirname, join } from 'node:path'
import {
  type Identifier,
  isClassDeclaration,
  isEnumDeclaration,
  isExportAssignment,
  isExportDeclaration,
  isFunctionDeclaration,
  isIdentifier,
  isInterfaceDeclaration,
  isNamedExports,
  isObjectBindingPattern,
  isStringLiteral,
  isTypeAliasDeclaration,
  isVariableStatement,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { importsOf } from './imports.ts'
import { identifiersOf } from './names.ts'
import { at, type Finding, type Module, modulesUnder, nodesOf, type Rule, type Tree } from './tree.ts'

type Export = { name: string; node: Node; isType: boolean }

const isTest = (path: string): boolean => path.startsWith('test/')

export const everyExportIsTaken: Rule = {
  name: 'every export is taken by another file',
  remedy: 'Delete it if nothing uses it, or drop the word `export`. What only tests use belongs to the tests.',
  find(tree) {
    const takers = takersOf(tree)
    return modulesUnder(tree, 'src/', 'sim/', 'emails/', 'test/').flatMap((module) =>
      exportsOf(module).flatMap(({ name, node, isType }): Finding[] => {
        const by = [...(takers.get(`${module.path}#${name}`) ?? []), ...(takers.get(`${module.path}#*`) ?? [])]
        // The types of what a file offers are part of the offer.
        if (by.length === 0 && isType && isUsedAtHome(module, name)) return []
        if (by.length === 0) return [at(module, node, `nobody takes ${name}`)]
        const onlyTests = !isTest(module.path) && by.every(isTest) && !isUsedAtHome(module, name)
        return onlyTests ? [at(module, node, `only tests take ${name}`)] : []
      }),
    )
  },
}

export const everyFileIsReached: Rule = {
  name: 'every file is reached from a script, a test or another file',
  remedy: 'Delete it, or name it in a package script.',
  find(tree) {
    const imported = new Set([...tree.modules.values()].flatMap((module) => importsOf(module).map(({ path }) => path)))
    const named = wordsThatNameFiles(tree)
    return [...tree.modules.keys()]
      .filter((path) => !/\.(test|d)\.tsx?$/.test(path) && !imported.has(path) && !named.has(path))
      .map((path) => ({ path, line: 1, what: 'nobody reaches it' }))
  },
}

/** Files named in package scripts and settings, and in strings of the code (a process to start). */
function wordsThatNameFiles(tree: Tree): Set<string> {
  const settings = [...tree.texts].filter(([path]) => !tree.modules.has(path) && !path.endsWith('.md'))
  const strings = [...tree.modules.values()].flatMap((module) =>
    [...nodesOf(module.root)]
      .filter(isStringLiteral)
      .map(({ text }) => (text.startsWith('.') ? join(dirname(module.path), text) : text)),
  )
  const words = [...settings.map(([, text]) => text), ...strings].flatMap((text) => text.split(/[\s"'`,=]+/))
  return new Set(words.map((word) => word.replace(/^\.\//, '')))
}

/** Who takes `path#name`. */
function takersOf(tree: Tree): Map<string, string[]> {
  const takers = new Map<string, string[]>()
  for (const module of tree.modules.values())
    for (const { path, names } of importsOf(module))
      for (const name of path === null ? [] : names)
        takers.set(`${path}#${name}`, [...(takers.get(`${path}#${name}`) ?? []), module.path])
  return takers
}

const isUsedAtHome = (module: Module, name: string): boolean =>
  identifiersOf(module).filter(({ text }) => text === name).length > 1

function exportsOf(module: Module): Export[] {
  return module.root.statements.flatMap((node): Export[] => {
    if (isExportAssignment(node)) return [{ name: 'default', node, isType: false }]
    if (isExportDeclaration(node)) {
      const clause = node.exportClause
      if (clause === undefined || !isNamedExports(clause)) return []
      return clause.elements.map((element) => ({ name: element.name.text, node: element, isType: node.isTypeOnly }))
    }
    if (!('modifiers' in node) || !hasModifier(node, SyntaxKind.ExportKeyword)) return []
    if (hasModifier(node, SyntaxKind.DefaultKeyword)) return [{ name: 'default', node, isType: false }]
    const isType = isTypeAliasDeclaration(node) || isInterfaceDeclaration(node)
    return declaredNames(node).map((name) => ({ name: name.text, node: name, isType }))
  })
}

function hasModifier(node: Node, kind: SyntaxKind): boolean {
  const { modifiers }: { modifiers?: Iterable<Node> } = node as Node & { modifiers?: Iterable<Node> }
  return [...(modifiers ?? [])].some((modifier) => modifier.kind === kind)
}

function declaredNames(node: Node): Identifier[] {
  if (isVariableStatement(node))
    return node.declarationList.declarations.flatMap(({ name }) => {
      if (isIdentifier(name)) return [name]
      return isObjectBindingPattern(name)
        ? name.elements.flatMap((part) => (isNamed(part.name) ? [part.name] : []))
        : []
    })
  const isDeclaration = [
    isFunctionDeclaration,
    isClassDeclaration,
    isTypeAliasDeclaration,
    isInterfaceDeclaration,
    isEnumDeclaration,
  ].some((is) => is(node))
  const { name } = node as Node & { name?: Node }
  return isDeclaration && isNamed(name) ? [name] : []
}

const isNamed = (name: Node | undefined): name is Identifier => name !== undefined && isIdentifier(name)
