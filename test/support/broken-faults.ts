// Calls that were put through faults and did not stand them. Each entry names the rule by the beginning of its name.
import type { AuditedCall } from './audited-call.ts'
import { at } from './audited-call.ts'
import type { Breaking } from './audited-parts.ts'

const forged = (call: AuditedCall, answer: { status: number; isKept: boolean }) => {
  const forgery = { atMs: at(50), url: 'https://desk.example/status', callSid: '', marks: [], ...answer }
  call.chaos = { struck: [], missed: [], forgeries: [forgery] }
}

/** Cut shortly before the end, by a server whose agent had not said goodbye. */
export const cut = (call: AuditedCall, fault: 'ws-cut' | 'model-cut', cutAtMs: number) => {
  call.chaos = { struck: [{ atMs: cutAtMs, strike: { fault, atMs: 0 } }], missed: [], forgeries: [] }
  call.session.items = call.session.items.filter(({ name }) => name !== 'end_call')
}

/** Another session takes over late in the call, and is told this. */
export const takeOver = (call: AuditedCall, told: (typeof call.session.items)[number][]) => {
  const items = told.map((item) => ({
    ...item,
    itemId: `${item.itemId} again`,
    responseId: null,
    audio: new Uint8Array(),
  }))
  const responses = call.session.responses.slice(0, 1)
  const quiet = { config: null, deltas: [], speech: [], appended: new Uint8Array() }
  call.model.sessions.push({ ...call.session, ...quiet, sessionId: 'sess_2', openedAtMs: at(60_000), items, responses })
}
export const known = ({ session }: AuditedCall) => session.items.filter(({ role }) => role !== 'function_call')

export const brokenFaults: Breaking[] = [
  [
    'a session that takes a call over',
    'it is not told what a tool answered',
    (call) =>
      takeOver(
        call,
        known(call).filter(({ output }) => output === undefined),
      ),
  ],
  [
    'a session that takes a call over',
    'it is not told what the caller said',
    (call) =>
      takeOver(
        call,
        known(call).filter(({ role }) => role !== 'user'),
      ),
  ],
  [
    'a session that takes a call over',
    'it is not told what the agent said',
    (call) =>
      takeOver(
        call,
        known(call).filter(({ role }) => role !== 'assistant'),
      ),
  ],
  ['what nobody signed is refused', 'it is believed', (call) => forged(call, { status: 200, isKept: false })],
  ['what nobody signed is refused', 'it is refused, and kept', (call) => forged(call, { status: 403, isKept: true })],
  ['a caller whose line to the agent breaks', 'the server lets it go', (call) => cut(call, 'ws-cut', at(8_650))],
  [
    'a caller whose line to the agent breaks',
    'the model is not called again',
    (call) => cut(call, 'model-cut', at(8_650)),
  ],
]
