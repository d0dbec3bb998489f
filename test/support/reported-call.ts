// The call made by hand, as a page is made of it: with the trace that it would have left, and nothing wrong with it.
import type { Evidence } from '../../sim/audit/case.ts'
import { latencies } from '../../sim/audit/latency.ts'
import type { ReportedCall } from '../../sim/report/chart.ts'
import type { TraceEntry } from '../../sim/trace.ts'
import { type AuditedCall, auditedCall } from './audited-call.ts'

type Break = (call: AuditedCall, entries: TraceEntry[]) => void

/** A new copy every time, broken as asked. */
export function reportedCall(breakIt: Break = () => {}): ReportedCall {
  const evidence = auditedCall()
  const entries = traced()
  breakIt(evidence, entries)
  return reported(evidence, entries)
}

export const reported = (evidence: Evidence, entries: readonly TraceEntry[]): ReportedCall => ({
  evidence,
  entries,
  violations: [],
  latencies: latencies(evidence.carrier),
  seed: '7',
  rules: ['all is well'],
  repeat: 'bun sim call --seed 7',
})

/** As the trace begins before it rings: its own time is 5 ms ahead of the call's. */
const traced = (): TraceEntry[] => [
  { atMs: 5, wire: 'call', from: 'carrier', to: 'caller', what: 'ringing', body: { to: '+15551234567' } },
  { atMs: 25, wire: 'call', from: 'carrier', to: 'caller', what: 'answered' },
  { atMs: 105, wire: 'rest', from: 'server', to: 'carrier', what: 'POST /Calls/CA1/Recordings.json', body: {} },
  { atMs: 105, wire: 'rest', from: 'carrier', to: 'server', what: '404', body: { message: 'not found' } },
  ...said(3_005, 4_005, 'Please renew my inhaler.'),
  {
    atMs: 4_705,
    wire: 'realtime',
    from: 'model',
    to: 'server',
    what: 'response.function_call_arguments.done',
    body: { call_id: 'call_1', name: 'take_message', arguments: '{"caller_name":"Dana"}' },
  },
  {
    atMs: 4_755,
    wire: 'realtime',
    from: 'server',
    to: 'model',
    what: 'conversation.item.create',
    body: { item: { type: 'function_call_output', call_id: 'call_1', output: '{"taken":true}' } },
  },
  ...said(6_005, 6_805, 'Thanks, bye.'),
  {
    atMs: 8_705,
    wire: 'call',
    from: 'carrier',
    to: 'caller',
    what: 'ended',
    body: { status: 'completed', by: 'server' },
  },
]

const said = (fromMs: number, toMs: number, words: string): TraceEntry[] => [
  { atMs: fromMs, wire: 'call', from: 'caller', to: 'carrier', what: 'say', body: { words } },
  { atMs: toMs, wire: 'call', from: 'caller', to: 'carrier', what: 'said' },
]
