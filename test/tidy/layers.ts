// Who may import whom: the map of the design, as a table. Features call down by import and onward by a job, so that a
// folder can be read knowing only what stands above it in the table.
import { type Import, importsOf } from './imports.ts'
import { identifiersOf } from './names.ts'
import { at, type Finding, type Module, modulesUnder, type Rule } from './tree.ts'

/** Of nobody's folders: what the wires say, and small things that everybody may use. */
const floor = ['wire', 'lib']
const uptoConversations = [...floor, 'db', 'vendors', 'organizations', 'agents', 'conversations']
const uptoClinic = [...uptoConversations, 'clinic']
const channels = ['calls', 'messages', 'retell', 'web']

/** The folders under src/ and, of each, the folders it may import from, beside itself. */
const mayImport: Record<string, readonly string[]> = {
  wire: [],
  lib: [],
  platform: [],
  db: ['lib'],
  vendors: floor,
  organizations: [...floor, 'db', 'vendors'],
  agents: [...floor, 'db', 'vendors'],
  conversations: [...floor, 'db', 'organizations'],
  clinic: [...floor, 'db', 'organizations', 'conversations'],
  bridge: uptoClinic,
  // A channel hands its live calls to the bridge.
  ...Object.fromEntries(channels.map((channel) => [channel, [...uptoClinic, 'bridge']])),
  analysis: uptoConversations,
  notifications: [...uptoConversations, 'emails'],
  setup: [...uptoClinic, 'calls'],
  doctor: [...uptoClinic, 'calls', 'setup'],
  admin: [...uptoClinic, 'bridge', ...channels, 'analysis', 'notifications'],
}

/** Folders that may not even know the settings: they are handed what they need. */
const withoutConfig = new Set(['wire', 'lib', 'platform', 'db', 'vendors'])

/** `lib` for src/lib/clock.ts, `app.ts` for src/app.ts, `sim`, `house`, `emails`, `test`. */
function placeOf(path: string): string {
  if (path === 'sim/house.ts') return 'house'
  const [top = '', second = ''] = path.split('/')
  return top === 'src' ? second : top
}

export const layers: Rule = {
  name: 'a folder imports only from folders that the map puts above it',
  remedy:
    'Call down by import and onward by a job; take what is missing from Deps. The table is in test/tidy/layers.ts, and follows the design.',
  find: (tree) => modulesUnder(tree, 'src/', 'emails/').flatMap((module) => importsOf(module).flatMap(judge(module))),
}

const judge =
  (module: Module) =>
  (taken: Import): Finding[] => {
    if (taken.path === null) return []
    const from = placeOf(module.path)
    const to = placeOf(taken.path)
    const verdict = refusal(from, to, taken)
    return verdict === null ? [] : [at(module, taken.node, `${verdict} (${taken.specifier})`)]
  }

/** Why `from` may not import `to`, or null. */
function refusal(from: string, to: string, taken: Import): string | null {
  if (['main.ts', 'sim', 'house', 'test'].includes(to)) return `nobody imports ${to}`
  if (from === to) return null
  if (from === 'emails') return 'emails import nothing of ours'
  if (from.endsWith('.ts')) return from === 'config.ts' && to !== 'lib' ? 'config.ts imports lib only' : null
  const allowed = mayImport[from]
  if (allowed === undefined) return `src/${from} is not on the map`
  if (to === 'config.ts') return withoutConfig.has(from) ? `${from} is handed its settings` : null
  if (to === 'deps.ts' && !withoutConfig.has(from)) return taken.isTypeOnly ? null : 'Deps is only a type'
  // The seam serves sockets as lib words them; types bind nobody at run time.
  if (from === 'platform' && to === 'lib' && taken.isTypeOnly) return null
  return allowed.includes(to) ? null : `${from} may not import ${to}`
}

export const independentSimulator: Rule = {
  name: 'the simulator takes nothing of the server but the types of the wires',
  remedy:
    "Write it again from the vendor's document: shared logic would share the server's mistakes. Only sim/house.ts may host the server.",
  find: (tree) =>
    modulesUnder(tree, 'sim/').flatMap((module) =>
      importsOf(module).flatMap((taken) => {
        if (taken.path === null || taken.path.startsWith('sim/')) return []
        if (module.path === 'sim/house.ts' && taken.path.startsWith('src/') && taken.path !== 'src/main.ts') return []
        if (taken.path.startsWith('src/wire/') && taken.isTypeOnly) return []
        return [at(module, taken.node, `sim may not import ${taken.specifier}`)]
      }),
    ),
}

export const uncalledRoot: Rule = {
  name: 'nobody imports the composition root, and only tests import tests',
  remedy:
    'Start src/main.ts as a process, or build the app from createApp. Move what two sides need to its own folder.',
  find: (tree) =>
    modulesUnder(tree, 'src/', 'sim/', 'emails/', 'test/').flatMap((module) =>
      importsOf(module)
        .filter(({ path }) => path === 'src/main.ts' || (path?.startsWith('test/') && !module.path.startsWith('test/')))
        .map((taken) => at(module, taken.node, `imports ${taken.specifier}`)),
    ),
}

export const acyclic: Rule = {
  name: 'no two files need each other at run time',
  remedy: 'Move what both need into a third file, or pass it in.',
  find(tree) {
    const findings: Finding[] = []
    const state = new Map<string, 'open' | 'done'>()
    const enter = (module: Module): void => {
      state.set(module.path, 'open')
      for (const taken of importsOf(module)) {
        const target = taken.path === null || taken.isTypeOnly ? undefined : tree.modules.get(taken.path)
        if (target === undefined) continue
        if (state.get(target.path) === 'open')
          findings.push(at(module, taken.node, `closes a circle with ${target.path}`))
        else if (!state.has(target.path)) enter(target)
      }
      state.set(module.path, 'done')
    }
    for (const module of tree.modules.values()) if (!state.has(module.path)) enter(module)
    return findings
  },
}

export const oneRuntimeSeam: Rule = {
  name: 'Bun and Deno are named nowhere in the server but in src/platform',
  remedy: 'Use the web standard or node: modules, or add what you need to src/platform.',
  find: (tree) =>
    modulesUnder(tree, 'src/')
      .filter((module) => !module.path.startsWith('src/platform/'))
      .flatMap((module) => namesOfRuntimes(module)),
}

function namesOfRuntimes(module: Module): Finding[] {
  const imported = importsOf(module)
    .filter(({ packageName }) => packageName !== null && /^(bun|deno|jsr)(:|$)/.test(packageName))
    .map((taken) => at(module, taken.node, `imports ${taken.specifier}`))
  const named = identifiersOf(module)
    .filter(({ text }) => text === 'Bun' || text === 'Deno')
    .map((identifier) => at(module, identifier, `names ${identifier.text}`))
  return [...imported, ...named]
}
