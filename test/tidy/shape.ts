// The shape of files: how long, how they open, what they are called. A file is read from its name and its first lines.
import { isExportDeclaration, isStringLiteral } from 'typescript/unstable/ast'
import { at, type Finding, type Module, modulesUnder, type Rule } from './tree.ts'

const ours = ['src/', 'sim/', 'emails/', 'test/']
const linesMax = 400
const headLinesMax = 8
/** A file no longer than this may say what it is for in one line. */
const smallFileLines = 100

const linesOf = ({ text }: Module): string[] => text.replace(/\n$/, '').split('\n')

export const shortFiles: Rule = {
  name: `no file of code is longer than ${linesMax} lines`,
  remedy: 'It does more than one thing: give the second its own file, named for it.',
  find: (tree) =>
    modulesUnder(tree, ...ours).flatMap((module) => {
      const count = linesOf(module).length
      return count > linesMax ? [{ path: module.path, line: linesMax + 1, what: `${count} lines` }] : []
    }),
}

export const opensWithPurpose: Rule = {
  name: 'every file opens by saying what it is for',
  remedy: `Begin with two to ${headLinesMax} lines of comment: what it is for, owns and refuses. One line will do for a small file, or one of tests.`,
  find: (tree) => modulesUnder(tree, ...ours).flatMap((module) => headOf(module)),
}

function headOf(module: Module): Finding[] {
  const lines = linesOf(module)
  const start = lines[0]?.startsWith('#!') ? 1 : 0
  const length = lines.slice(start).findIndex((line) => !line.startsWith('//'))
  const headLines = length === -1 ? lines.length - start : length
  const finding = (what: string) => [{ path: module.path, line: start + 1, what }]
  if (headLines === 0) return finding('does not open with a comment')
  if (headLines > headLinesMax) return finding(`opens with ${headLines} lines of comment`)
  const mayBeCurt = lines.length <= smallFileLines || module.path.endsWith('.test.ts')
  return headLines === 1 && !mayBeCurt ? finding('opens with a single line of comment') : []
}

const emptyWords = new Set([
  ...['util', 'utils', 'helper', 'helpers', 'manager', 'managers', 'service', 'services', 'info', 'data'],
  ...['common', 'misc', 'shared', 'stuff', 'base', 'impl'],
])
const fileName = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.tsx?$/

export const tellingNames: Rule = {
  name: 'a file is named in lower case, for what it holds',
  remedy: 'One lower-case word of the domain, kebab-case if two; not a word that would fit any file.',
  find: (tree) =>
    modulesUnder(tree, ...ours).flatMap(({ path }) => {
      const parts = path.split('/')
      const name = parts.at(-1) ?? ''
      const empty = parts.flatMap((part) => part.toLowerCase().split(/[^a-z]+/)).find((word) => emptyWords.has(word))
      if (empty !== undefined) return [{ path, line: 1, what: `"${empty}" says nothing` }]
      return fileName.test(name) ? [] : [{ path, line: 1, what: `"${name}" is not lower-case words` }]
    }),
}

export const noBarrels: Rule = {
  name: 'there are no barrels',
  remedy: "Import from the file that holds it. (A vendor's types may be passed on by the wire that speaks them.)",
  find: (tree) =>
    modulesUnder(tree, ...ours).flatMap((module) => [
      ...(/(^|\/)index\.tsx?$/.test(module.path) ? [{ path: module.path, line: 1, what: 'index file' }] : []),
      ...module.root.statements.flatMap((node) => {
        if (!isExportDeclaration(node) || node.moduleSpecifier === undefined) return []
        const source = isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : ''
        const isVendorsType = node.isTypeOnly && !source.startsWith('.') && node.exportClause !== undefined
        return isVendorsType ? [] : [at(module, node, `passes on what ${source} holds`)]
      }),
    ]),
}
