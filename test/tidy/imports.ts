// What a module takes from others, as written: by `import`, `export … from`, `import()` and `import('…')` in a type.
// Type-only imports are told apart; they vanish at run time and so bind less.
import { dirname, join } from 'node:path'
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNamedExports,
  isNamedImports,
  isNamespaceImport,
  isStringLiteral,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { type Module, nodesOf } from './tree.ts'

export type Import = {
  node: Node
  specifier: string
  /** The path from the repository's root for a relative import; null for a package. */
  path: string | null
  /** `typescript` for `typescript/unstable/ast`; null for a relative import. `node:fs` and `bun:test` stay whole. */
  packageName: string | null
  isTypeOnly: boolean
  /** Fetched by `import()`, when the line is reached. */
  isDynamic: boolean
  /** The exporter's names. `*` stands for all of them. */
  names: string[]
}

const known = new WeakMap<Module, Import[]>()

export function importsOf(module: Module): Import[] {
  const before = known.get(module)
  if (before !== undefined) return before
  const found = [...nodesOf(module.root)].flatMap((node) => importAt(module, node))
  known.set(module, found)
  return found
}

function importAt(module: Module, node: Node): Import[] {
  if (isImportDeclaration(node) && isStringLiteral(node.moduleSpecifier)) {
    const clause = node.importClause
    const isTypeOnly = clause?.phaseModifier === SyntaxKind.TypeKeyword
    const bindings = clause?.namedBindings
    const names = clause?.name === undefined ? [] : ['default']
    if (bindings !== undefined && isNamespaceImport(bindings)) names.push('*')
    if (bindings !== undefined && isNamedImports(bindings))
      names.push(...bindings.elements.map((element) => (element.propertyName ?? element.name).text))
    return [describe(module, node, node.moduleSpecifier.text, { isTypeOnly, names })]
  }
  if (isExportDeclaration(node) && node.moduleSpecifier !== undefined && isStringLiteral(node.moduleSpecifier)) {
    const clause = node.exportClause
    const names =
      clause !== undefined && isNamedExports(clause)
        ? clause.elements.map((element) => (element.propertyName ?? element.name).text)
        : ['*']
    return [describe(module, node, node.moduleSpecifier.text, { isTypeOnly: node.isTypeOnly, names })]
  }
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument) && isStringLiteral(node.argument.literal))
    return [describe(module, node, node.argument.literal.text, { isTypeOnly: true, names: ['*'] })]
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments
    if (specifier !== undefined && isStringLiteral(specifier))
      return [describe(module, node, specifier.text, { isTypeOnly: false, isDynamic: true, names: ['*'] })]
  }
  return []
}

function describe(
  module: Module,
  node: Node,
  specifier: string,
  rest: { isTypeOnly: boolean; isDynamic?: boolean; names: string[] },
): Import {
  const isRelative = specifier.startsWith('.')
  return {
    node,
    specifier,
    path: isRelative ? join(dirname(module.path), specifier) : null,
    packageName: isRelative ? null : packageOf(specifier),
    isDynamic: false,
    ...rest,
  }
}

function packageOf(specifier: string): string {
  if (/^(node|bun):/.test(specifier)) return specifier
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
