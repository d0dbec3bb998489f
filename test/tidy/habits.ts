// Habits of the hand: ways round the compiler, notes to self, tests that do not run, sleeps, and SQL outside its places.
// Each is a single place in a single file, so that a rule here is a question asked of every node.
import {
  type CallExpression,
  isArrowFunction,
  isAsExpression,
  isCallExpression,
  isFunctionExpression,
  isIdentifier,
  isNewExpression,
  isNonNullExpression,
  isNoSubstitutionTemplateLiteral,
  isParenthesizedExpression,
  isPropertyAccessExpression,
  isStringLiteral,
  isTaggedTemplateExpression,
  isTemplateHead,
  isVariableDeclaration,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { importsOf } from './imports.ts'
import { at, linesMatching, type Module, modulesUnder, nodesOf, type Rule } from './tree.ts'

const ours = ['src/', 'sim/', 'emails/', 'test/']

/** A rule that looks at every node of these folders' files. */
const nodeRule = (
  name: string,
  remedy: string,
  folders: string[],
  judge: (node: Node, module: Module) => string | null,
): Rule => ({
  name,
  remedy,
  find: (tree) =>
    modulesUnder(tree, ...folders).flatMap((module) =>
      [...nodesOf(module.root)].flatMap((node) => {
        const what = judge(node, module)
        return what === null ? [] : [at(module, node, what)]
      }),
    ),
})

export const noAny = nodeRule(
  'nothing is of type any',
  'Say what it is; `unknown` and a parse when it comes from outside.',
  ours,
  (node) => (node.kind === SyntaxKind.AnyKeyword ? 'any' : null),
)

export const noNonNull = nodeRule(
  'nothing is declared to be present with !',
  'Check for it, or give the type that already knows.',
  ours,
  (node) => {
    if (isNonNullExpression(node)) return 'non-null assertion'
    return isVariableDeclaration(node) && node.exclamationToken !== undefined ? 'definite assignment assertion' : null
  },
)

export const noDoubleCast = nodeRule(
  'no value is passed off as another type by way of unknown',
  'Parse it, narrow it, or correct the type it came with.',
  ours,
  (node) => {
    if (!isAsExpression(node)) return null
    const inner = withoutParentheses(node.expression)
    return isAsExpression(inner) && inner.type.kind === SyntaxKind.UnknownKeyword ? 'as unknown as' : null
  },
)

const withoutParentheses = (node: Node): Node =>
  isParenthesizedExpression(node) ? withoutParentheses(node.expression) : node

// Spelt in halves, so that these rules can be held against their own file.
const noteToSelf = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK'].join('|')})\\b`)
const silencer = new RegExp(`@ts-${'(ignore|nocheck|expect-error)'}`)

export const nothingLeftForLater: Rule = {
  name: 'no note to self and no silenced compiler is left in the code',
  remedy: 'Do it now, or write it down where work is planned.',
  find: (tree) =>
    modulesUnder(tree, ...ours).flatMap(({ path, text }) => [
      ...linesMatching(path, text, noteToSelf, (word) => word),
      ...linesMatching(path, text, silencer, (word) => word),
    ]),
}

const testWords = new Set(['test', 'it', 'describe'])
const dodges = new Set(['skip', 'only', 'todo', 'skipIf', 'todoIf', 'if', 'failing'])

export const everyTestRuns = nodeRule(
  'every test that is written is run',
  'Repair it or delete it. What a test needs, test/run.ts installs or asks for.',
  ['test/'],
  (node) =>
    isPropertyAccessExpression(node) &&
    isIdentifier(node.expression) &&
    testWords.has(node.expression.text) &&
    dodges.has(node.name.text)
      ? `${node.expression.text}.${node.name.text}`
      : null,
)

export const noSleep = nodeRule(
  'no test waits for time to pass',
  'Move the clock, or wait for the event itself. A timer that only rejects, as a deadline, is fine.',
  ['test/'],
  (node, module) => {
    if (isPropertyAccessExpression(node) && isIdentifier(node.expression)) {
      const called = `${node.expression.text}.${node.name.text}`
      if (['Bun.sleep', 'Bun.sleepSync', 'Atomics.wait'].includes(called)) return called
    }
    if (isCallExpression(node) && resolvesByTimer(node)) return 'a promise that only waits for a timer'
    if (node.kind !== SyntaxKind.ImportDeclaration) return null
    const taken = importsOf(module).find((candidate) => candidate.node === node)
    return taken !== undefined && /^(node:)?timers\/promises$/.test(taken.specifier) ? taken.specifier : null
  },
)

/** `setTimeout(resolve, …)` or `setTimeout(() => resolve(…), …)` within `new Promise((resolve) => …)`. */
function resolvesByTimer(call: CallExpression): boolean {
  const [run] = call.arguments
  if (!isIdentifier(call.expression) || call.expression.text !== 'setTimeout' || run === undefined) return false
  const resolve = resolverAround(call)
  if (resolve === null) return false
  if (isIdentifier(run)) return run.text === resolve
  if (!isArrowFunction(run)) return false
  return isCallExpression(run.body) && isIdentifier(run.body.expression) && run.body.expression.text === resolve
}

function resolverAround(node: Node): string | null {
  for (let above = node.parent; above !== undefined; above = above.parent) {
    if (!isArrowFunction(above) && !isFunctionExpression(above)) continue
    const makesPromise =
      isNewExpression(above.parent) &&
      isIdentifier(above.parent.expression) &&
      above.parent.expression.text === 'Promise'
    const name = above.parameters[0]?.name
    if (makesPromise) return name !== undefined && isIdentifier(name) ? name.text : null
  }
  return null
}

/** Where SQL may stand, beside drizzle/. The tests and the simulator's view look at the rows from outside. */
const isSqlPlace = (path: string): boolean =>
  path.startsWith('src/db/') || path === 'sim/view.ts' || /(^|[/-])store\.ts$/.test(path)

const statement =
  /^(select\s+\S+[\s\S]*(\bfrom\b|\()|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\(|create\s+(table|role|function|index|policy|schema|database)\s|alter\s+\w+\s|drop\s+\w+\s|grant\s+\w+|truncate\s|notify\s+\w|set\s+local\s)/

export const sqlInItsPlace = nodeRule(
  'SQL stands only in store files, src/db and drizzle',
  "Move the statement into the feature's store.ts, behind a function named for what it answers.",
  ['src/', 'sim/', 'emails/'],
  (node, module) => {
    if (isSqlPlace(module.path)) return null
    if (isTaggedTemplateExpression(node) && isIdentifier(node.tag) && node.tag.text === 'sql') return 'sql`…`'
    const isText = isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) || isTemplateHead(node)
    if (!isText || isTaggedTemplateExpression(node.parent) || isTaggedTemplateExpression(node.parent.parent))
      return null
    return looksLikeSql(node.text) ? `"${node.text.trim().slice(0, 30)}…"` : null
  },
)

/** SQL begins with a keyword in one case; a sentence that begins with Select or Update does not. */
function looksLikeSql(text: string): boolean {
  const trimmed = text.trim()
  const [first = ''] = trimmed.split(/\s/)
  return (first === first.toLowerCase() || first === first.toUpperCase()) && statement.test(trimmed.toLowerCase())
}
