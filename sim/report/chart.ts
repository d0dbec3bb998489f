// PURE. Everything that the page draws, taken from the evidence and the trace and laid on one time axis.
import type { Evidence, Violation } from '../audit/case.ts'
import { hear } from '../audit/hearing.ts'
import { type Latencies, type Wait, waitsOf } from '../audit/latency.ts'
import { canonical, type TraceEntry } from '../trace.ts'
import { type Axis, axisOf } from './axis.ts'
import type { Happening } from './happening.ts'
import { mailsOf } from './mails.ts'
import { requestsOf } from './requests.ts'
import { type Bar, type Thinking, thinkingOf } from './thinking.ts'
import { type Turn, turnsOf } from './turns.ts'
import { type Voices, voicesOf } from './voices.ts'

export type ReportedCall = {
  evidence: Evidence
  entries: readonly TraceEntry[]
  violations: readonly Violation[]
  latencies: Latencies
  seed: string
  /** The names of the rules that the call was held to. */
  rules: readonly string[]
  /** What to type to place this very call again. */
  repeat: string
}

export type Chart = {
  axis: Axis
  voices: Voices
  turns: Turn[]
  waits: Wait[]
  streams: Bar[]
  thinking: Thinking
  /** In order of time. */
  happenings: Happening[]
}

export function chartOf({ evidence, entries: traced }: ReportedCall): Chart {
  const { carrier } = evidence
  const given = { ...evidence, hearing: hear(evidence) }
  const entries = onTheClock(canonical(traced), carrier.ringingAtMs)
  const thinking = thinkingOf(evidence, entries)
  const happenings = [...requestsOf(evidence, entries), ...thinking.happenings, ...mailsOf(evidence)]
  return {
    axis: axisOf(evidence),
    voices: voicesOf(given),
    turns: turnsOf(given, entries),
    waits: waitsOf(carrier).filter(({ what }) => what !== 'twiml'),
    streams: carrier.streams.map(streamBar),
    thinking,
    happenings: happenings.sort((a, b) => a.atMs - b.atMs),
  }
}

/** A trace counts from its own beginning, the records by the clock; both know when it rang. */
function onTheClock(entries: TraceEntry[], ringingAtMs: number): TraceEntry[] {
  const rang = entries.find(({ wire, to, what }) => wire === 'call' && to === 'caller' && what === 'ringing')
  const startMs = ringingAtMs - (rang?.atMs ?? 0)
  return entries.map((entry) => ({ ...entry, atMs: startMs + entry.atMs }))
}

function streamBar({
  openedAtMs,
  startedAtMs,
  endedAtMs,
  endedBy,
  sent,
  received,
  marks,
  streamSid,
}: Evidence['carrier']['streams'][number]): Bar {
  const state = startedAtMs === null ? 'never started' : `ended by the ${endedBy ?? 'end of the call'}`
  return {
    fromMs: openedAtMs,
    toMs: endedAtMs,
    label: `media stream, ${state}`,
    details: `${streamSid}\n${sent.length} frames to the server\n${Math.round(received.length / 8)} ms of sound from it, ${marks.length} marks`,
    tone: startedAtMs === null ? 'bad' : 'usual',
  }
}
