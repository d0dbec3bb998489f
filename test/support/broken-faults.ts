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

export const brokenFaults: Breaking[] = [
  ['what nobody signed is refused', 'it is believed', (call) => forged(call, { status: 200, isKept: false })],
  ['what nobody signed is refused', 'it is refused, and kept', (call) => forged(call, { status: 403, isKept: true })],
  ['a caller whose line to the agent breaks', 'the server lets it go', (call) => cut(call, 'ws-cut', at(8_650))],
  [
    'a caller whose line to the agent breaks',
    'the model is not called again',
    (call) => cut(call, 'model-cut', at(8_650)),
  ],
]
