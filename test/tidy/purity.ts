// Pure files: values in, values out. They are where the rules of the calls are decided, so they must be able to be run
// in any order, any number of times, at any speed, and always answer the same.
import { isCallExpression, isNewExpression, isPropertyAccessExpression } from 'typescript/unstable/ast'
import { type Import, importsOf } from './imports.ts'
import { globalsOf } from './names.ts'
import { at, type Finding, type Module, type Rule } from './tree.ts'

/** By name, or a whole folder. The design marks them with `*`; what they import is held to the same rule. */
export const pureFiles = [
  'src/wire/',
  'src/lib/languages.ts',
  'src/lib/outcome.ts',
  'src/lib/phone.ts',
  'src/lib/pooler.ts',
  'src/lib/wall-clock.ts',
  'src/agents/briefing.ts',
  'src/agents/compose.ts',
  'src/agents/emergency.ts',
  'src/agents/template.ts',
  'src/analysis/prompt.ts',
  'src/bridge/alarm.ts',
  'src/bridge/audio.ts',
  'src/bridge/backchannel.ts',
  'src/bridge/consulting.ts',
  'src/bridge/ending.ts',
  'src/bridge/interrupting.ts',
  'src/bridge/keypad.ts',
  'src/bridge/limits.ts',
  'src/bridge/machine.ts',
  'src/bridge/overlap.ts',
  'src/bridge/plan.ts',
  'src/bridge/playback.ts',
  'src/bridge/realtime-url.ts',
  'src/bridge/renewing.ts',
  'src/bridge/requests.ts',
  'src/bridge/responding.ts',
  'src/bridge/state.ts',
  'src/bridge/tooling.ts',
  'src/bridge/transcript.ts',
  'src/bridge/watch.ts',
  'src/calls/twiml.ts',
  'src/calls/wording.ts',
  'src/clinic/matching.ts',
  'src/clinic/numbering.ts',
  'src/clinic/slots.ts',
  'src/clinic/spoken.ts',
  'src/conversations/analysis.ts',
  'src/conversations/cost.ts',
  'src/conversations/events.ts',
  'src/conversations/history.ts',
  'src/conversations/merge.ts',
  'src/conversations/mode.ts',
  'src/conversations/prices.ts',
  'src/conversations/readiness.ts',
  'src/conversations/session-id.ts',
  'src/conversations/state.ts',
  'src/conversations/transcript.ts',
  'src/notifications/line-view.ts',
  'src/notifications/view.ts',
  'src/organizations/settings.ts',
  'src/doctor/finding.ts',
  'src/setup/change.ts',
  'src/setup/clinic-shape.ts',
  'src/setup/week.ts',
  'emails/theme.ts',
  'sim/audio.ts',
  'sim/audit/',
  'sim/auditor.ts',
  'sim/carrier/detection.ts',
  'sim/carrier/playout.ts',
  'sim/chaos/faults.ts',
  'sim/chaos/parameters.ts',
  'sim/chaos/schedule.ts',
  'sim/chaos/strikes.ts',
  'sim/console-people.ts',
  'sim/mistake.ts',
  'sim/model/thread.ts',
  'sim/random.ts',
  'sim/tones.ts',
  'sim/report/',
  'sim/trace.ts',
  'sim/tracks.ts',
  'sim/wording.ts',
]

const isPure = (path: string): boolean =>
  pureFiles.some((pure) => (pure.endsWith('/') ? path.startsWith(pure) : path === pure))

/** Packages that only compute, or of which we use such a part: twilio's TwiML builder. */
const purePackages = new Set([
  'zod',
  'node:buffer',
  'node:crypto',
  'alawmulaw',
  'wave-resampler',
  'wavefile',
  'fast-xml-parser',
  'twilio',
])

const worldly = new Map<string, string>([
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'performance'].map(
    (name) => [name, 'the clock'] as const,
  ),
  ...['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'].map((name) => [name, 'the network'] as const),
  ...['process', 'Bun', 'Deno', 'globalThis', 'require'].map((name) => [name, 'the process'] as const),
  ['crypto', 'chance'],
  ['console', 'output'],
])

export const purity: Rule = {
  name: 'a pure file knows no clock, no chance, no network and no database',
  remedy: 'Take the time, the id or the answer as an argument. The list of pure files is in test/tidy/purity.ts.',
  find: (tree) =>
    [...tree.modules.values()]
      .filter(({ path }) => isPure(path))
      .flatMap((module) => [...importsOf(module).flatMap(judge(module)), ...ambient(module)]),
}

export const purityIsListed: Rule = {
  name: 'every entry of the list of pure files still names a file',
  remedy: 'The file moved or went: change its entry in test/tidy/purity.ts.',
  find: (tree) =>
    pureFiles
      .filter((pure) => ![...tree.modules.keys()].some((path) => path.startsWith(pure)))
      .map((pure) => ({ path: 'test/tidy/purity.ts', line: 1, what: `no file ${pure}` })),
}

const judge =
  (module: Module) =>
  (taken: Import): Finding[] => {
    if (taken.isTypeOnly) return []
    if (taken.path !== null)
      return isPure(taken.path) ? [] : [at(module, taken.node, `imports ${taken.path}, which is not on the list`)]
    const chance = taken.names.find((name) => /^random|^getRandomValues|^webcrypto/.test(name))
    if (chance !== undefined) return [at(module, taken.node, `takes chance from ${chance}`)]
    if (taken.packageName !== null && purePackages.has(taken.packageName)) return []
    return [at(module, taken.node, `imports ${taken.specifier}, which may do more than compute`)]
  }

function ambient(module: Module): Finding[] {
  return globalsOf(module).flatMap((identifier) => {
    const { text, parent } = identifier
    const source = worldly.get(text)
    if (source !== undefined) return [at(module, identifier, `${text} is ${source}`)]
    const member = isPropertyAccessExpression(parent) && parent.expression === identifier ? parent.name.text : null
    if (text === 'Math' && member === 'random') return [at(module, identifier, 'Math.random is chance')]
    if (text === 'Temporal' && member === 'Now') return [at(module, identifier, 'Temporal.Now is the clock')]
    if (text !== 'Date') return []
    const readsClock =
      member === 'now' ||
      (isCallExpression(parent) && parent.expression === identifier) ||
      (isNewExpression(parent) && (parent.arguments ?? []).length === 0)
    return readsClock ? [at(module, identifier, 'Date without an instant is the clock')] : []
  })
}
