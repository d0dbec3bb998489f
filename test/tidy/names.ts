// Identifiers as a rule must read them: the word `fetch` may be the global, a property of something, or the file's own.
import {
  type Identifier,
  isBindingElement,
  isClassDeclaration,
  isFunctionDeclaration,
  isIdentifier,
  isImportSpecifier,
  isParameterDeclaration,
  isShorthandPropertyAssignment,
  isTypeReferenceNode,
  isVariableDeclaration,
  type Node,
} from 'typescript/unstable/ast'
import { type Module, nodesOf } from './tree.ts'

const known = new WeakMap<Module, Identifier[]>()

export function identifiersOf(module: Module): Identifier[] {
  const before = known.get(module)
  if (before !== undefined) return before
  const found = [...nodesOf(module.root)].filter(isIdentifier)
  known.set(module, found)
  return found
}

/** Uses of a global as a value: neither a property, nor a type, nor anything that the file itself declares. */
export function globalsOf(module: Module): Identifier[] {
  const own = new Set(
    identifiersOf(module)
      .filter(bindsValue)
      .map(({ text }) => text),
  )
  return identifiersOf(module).filter(
    (identifier) => !own.has(identifier.text) && !isName(identifier) && !isTypeReferenceNode(identifier.parent),
  )
}

const bindsValue = (identifier: Identifier): boolean => {
  const { parent } = identifier
  const binds = [
    isVariableDeclaration,
    isParameterDeclaration,
    isBindingElement,
    isFunctionDeclaration,
    isClassDeclaration,
    isImportSpecifier,
  ].some((is) => is(parent))
  return binds && isName(identifier)
}

/** The name of what its parent declares, or the member that its parent asks for. */
const isName = (identifier: Identifier): boolean => {
  const parent: Node & { name?: unknown } = identifier.parent
  return parent.name === identifier && !isShorthandPropertyAssignment(parent)
}
