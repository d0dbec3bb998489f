// Replays a capture on a server: the vendors' side as it was, frame by frame, and the server's side as it is now; then says
// where the two calls part. The server's own clock, ids and records are new ones.
import type { Evidence } from '../audit/case.ts'
import { latencies } from '../audit/latency.ts'
import { audit } from '../auditor.ts'
import type { CallRequest, CallResult, Scene } from '../call.ts'
import { createInbox } from '../inbox/inbox.ts'
import { createMemoryNetwork } from '../memory.ts'
import { Mistake } from '../mistake.ts'
import type { CarrierRecord, StreamRecord } from '../record.ts'
import { settled } from '../settling.ts'
import { createTrace } from '../trace.ts'
import type { Capture } from './capture.ts'
import { createCauses } from './causes.ts'
import { captureOf } from './collecting.ts'
import { differences } from './comparing.ts'
import { createCollector, legs } from './listening.ts'
import { playCarrier } from './play-carrier.ts'
import { playAnswers, playModel } from './play-vendors.ts'
import { forwarding, tapped } from './tap.ts'

/** How far apart two equal messages may be sent in real time; on the virtual clock, not at all. */
const SENT_WITHIN_MS = 100

export async function replayCapture(scene: Scene, request: CallRequest, capture: Capture): Promise<CallResult> {
  const { fixture, seed } = request
  const { world, network, view, publicBaseUrl } = scene
  const { clock, account } = world
  const { callSid, from, to } = identityOf(capture)
  const trace = createTrace(clock)
  request.onTrace(trace)
  const inbox = createInbox({ clock, trace, apiKey: world.inboxKey })
  const notes: string[] = []
  const causes = createCauses(clock)
  const collector = createCollector(clock, { trace, onSeen: causes.tell })
  const before = await clock.hold(view.look(), 'a look at the database')
  const startedAtMs = clock.now()
  const playing = { clock, capture, startedAtMs, note: (text: string) => void notes.push(text) }
  const rest = { fetch: playAnswers(playing, 'rest') }
  world.model.show(tapped(playModel(playing), legs.model, collector))
  world.carrier.show(tapped(rest, legs.rest, collector))
  world.inbox.show(inbox.standIn)
  trace.add({ wire: 'call', from: 'carrier', to: 'caller', what: 'ringing', body: { from, to } })
  const server = tapped(forwarding(clock, network, null), legs.carrier, collector)
  await playCarrier({
    ...playing,
    causes,
    network: createMemoryNetwork({ clock, servers: { [new URL(publicBaseUrl).host]: server } }),
    trace,
    account,
    publicBaseUrl,
    restBaseUrl: world.carrier.origin,
  })
  trace.add({
    wire: 'call',
    from: 'carrier',
    to: 'caller',
    what: 'ended',
    body: { status: 'completed', by: 'carrier' },
  })
  await settled(clock, () => view.of(callSid, null))
  const after = captureOf(collector.seen)
  const record = recordOf(after, { callSid, from, to, accountSid: account.accountSid, startedAtMs })
  const evidence: Evidence = {
    fixture,
    isVirtual: clock.isVirtual,
    parted: [...notes, ...differences(capture, after, clock.isVirtual ? 0 : SENT_WITHIN_MS)],
    carrier: record,
    model: { sessions: [], writings: [], thoughts: [], notes: [] },
    inbox: inbox.record(),
    server: await clock.hold(view.of(callSid, before), 'a look at the database'),
  }
  const violations = audit(evidence)
  return { fixture, seed, callSid, evidence, violations, latencies: latencies(record), trace, carrierApi: rest }
}

function identityOf({ events }: Capture): { callSid: string; from: string; to: string } {
  const first = events.find((event) => event.wire === 'webhook' && 'request' in event)
  const { CallSid: callSid, From: from, To: to } = first !== undefined && 'request' in first ? first.request.fields : {}
  if (callSid === undefined || from === undefined || to === undefined)
    throw new Mistake('The capture does not begin with a call that comes in.')
  return { callSid, from, to }
}

type Beginning = Pick<CarrierRecord, 'callSid' | 'from' | 'to' | 'accountSid'> & { startedAtMs: number }

/** As the carrier would have it, so far as it was seen. What the caller heard of it was not. */
function recordOf(capture: Capture, { startedAtMs, ...who }: Beginning): CarrierRecord {
  const opened = capture.events.flatMap((event) => ('open' in event && event.wire === 'media' ? [event] : []))
  const streams = opened.map(({ n, open, at }) => streamOf(capture, n, open, startedAtMs + at, startedAtMs))
  const lastAtMs = Math.max(startedAtMs, ...streams.map(({ endedAtMs }) => endedAtMs ?? 0))
  return {
    ...who,
    direction: 'inbound',
    parentCallSid: null,
    status: 'completed',
    ringingAtMs: startedAtMs,
    answeredAtMs: streams[0]?.startedAtMs ?? null,
    endedAtMs: lastAtMs,
    endedBy: null,
    documents: [],
    said: [],
    streams,
    forks: [],
    gathered: [],
    detection: null,
    bridges: [],
    legs: [],
    deliveries: [],
    recordings: [],
    problems: [],
  }
}

function streamOf(
  { events, audio }: Capture,
  n: number,
  url: string,
  openedAtMs: number,
  startedAtMs: number,
): StreamRecord {
  const record: StreamRecord = {
    streamSid: '',
    url,
    openedAtMs,
    startedAtMs: openedAtMs,
    endedAtMs: null,
    endedBy: null,
    sent: [],
    received: new Uint8Array(0),
    receivedAt: [],
    played: [],
    cleared: [],
    marks: [],
  }
  const received: Uint8Array[] = []
  let byteCount = 0
  for (const event of events) {
    if (event.wire !== 'media' || event.n !== n || !('from' in event)) continue
    const atMs = startedAtMs + event.at
    record.endedAtMs = atMs
    if (!('message' in event) || event.audio === undefined) continue
    const bytes = audio.subarray(...event.audio)
    if (event.from === 'vendor') record.sent.push({ atMs, bytes })
    else {
      received.push(bytes)
      record.receivedAt.push({ atMs, fromByte: byteCount, toByte: byteCount + bytes.length })
      byteCount += bytes.length
    }
  }
  return { ...record, received: new Uint8Array(Buffer.concat(received)) }
}
