// The repository as the rules of the architecture see it: every text by its path, and every TypeScript file parsed by the
// compiler itself. A few lines in memory become the same kind of tree, which is how each rule is shown able to fail.
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/async'
import { createVirtualFileSystem } from 'typescript/unstable/fs'

export type Tree = {
  /** Every text file, by its path from the repository's root. Fixtures in binary are left out. */
  texts: ReadonlyMap<string, string>
  modules: ReadonlyMap<string, Module>
}

/** One TypeScript file. */
export type Module = { path: string; text: string; root: SourceFile }

export type Finding = { path: string; line: number; what: string }

/** `remedy` tells whoever broke the rule what to do about it. */
export type Rule = { name: string; remedy: string; find(tree: Tree): Finding[] }

export const at = (module: Module, node: Node, what: string): Finding => ({
  path: module.path,
  line: module.root.getLineAndCharacterOfPosition(node.getStart(module.root)).line + 1,
  what,
})

/** Findings of lines of text that match; `what` is given the match. */
export function linesMatching(path: string, text: string, pattern: RegExp, what: (match: string) => string): Finding[] {
  return text.split('\n').flatMap((content, index) => {
    const match = pattern.exec(content)
    return match === null ? [] : [{ path, line: index + 1, what: what(match[0]) }]
  })
}

/** Every node below `node`, outermost first. */
export function* nodesOf(node: Node): Generator<Node> {
  const children: Node[] = []
  node.forEachChild((child) => {
    children.push(child)
    return undefined
  })
  for (const child of children) {
    yield child
    yield* nodesOf(child)
  }
}

export const modulesUnder = (tree: Tree, ...folders: string[]): Module[] =>
  [...tree.modules.values()].filter((module) => folders.some((folder) => module.path.startsWith(folder)))

const parsedFolders = /^(src|sim|emails|test)\/.*\.tsx?$/
export const repositoryRoot = join(import.meta.dir, '../..')

/** The repository on disk, with what git would ignore left out. */
export async function readRepository(): Promise<Tree> {
  const ignored = (await Bun.file(join(repositoryRoot, '.gitignore')).text()).split('\n').filter(Boolean)
  const isIgnored = (name: string) =>
    name === '.git' || ignored.some((pattern) => new Bun.Glob(pattern.replace(/\/$/, '')).match(name))
  const texts = new Map<string, string>()
  const read = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (isIgnored(entry.name)) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory()) await read(path)
      else if (entry.isFile()) {
        const text = await Bun.file(path).text()
        if (!text.includes('\0') && !text.includes('\uFFFD')) texts.set(relative(repositoryRoot, path), text)
      }
    }
  }
  await read(repositoryRoot)
  return parse(texts)
}

/** A tree of these few files alone. */
export const plant = (files: Record<string, string>): Promise<Tree> => parse(new Map(Object.entries(files)))

async function parse(texts: Map<string, string>): Promise<Tree> {
  const paths = [...texts.keys()].filter((path) => parsedFolders.test(path)).sort()
  const compilerOptions = { noLib: true, noResolve: true, types: [], noEmit: true, jsx: 'react-jsx' }
  const disk = Object.fromEntries(paths.map((path) => [`/tree/${path}`, texts.get(path) ?? '']))
  disk['/tree/tsconfig.json'] = JSON.stringify({ compilerOptions, files: paths })
  const api = new API({ cwd: '/tree', fs: createVirtualFileSystem(disk) })
  try {
    const modules = new Map<string, Module>()
    const snapshot = await api.updateSnapshot({ openProjects: ['/tree/tsconfig.json'] })
    const program = snapshot.getProjects()[0]?.program
    for (const path of paths) {
      const source = await program?.getSourceFile(`/tree/${path}`)
      if (source?.kind !== SyntaxKind.SourceFile) throw new Error(`Cannot parse ${path}`)
      modules.set(path, { path, text: source.text, root: source })
    }
    return { texts, modules }
  } finally {
    await api.close()
  }
}
