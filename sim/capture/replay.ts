// Replays a capture on a server: the vendors' side as it was, frame by frame, and the server's side as it is now; then says
// where the two calls part. The server's own clock, ids and records are new ones.
import type { Evidence } from '../audit/case.ts'
import { latencies } from '../audit/latency.ts'
import { audit } from '../auditor.ts'
import type { CallRequest, CallResult, Scene } from '../call.ts'
import type { SimClock } from '../clock.ts'
import { createInbox } from '../inbox/inbox.ts'
import { createMemoryNetwork } from '../memory.ts'
import { Mistake } from '../mistake.ts'
import type { CarrierRecord, StreamRecord } from '../record.ts'
import { settled } from '../settling.ts'
import { createTrace } from '../trace.ts'
import { type Capture, introductionOf, isOutbound } from './capture.ts'
import { createCauses } from './causes.ts'
import { captureOf } from './collecting.ts'
import { differences } from './comparing.ts'
import { createCollector, legs } from './listening.ts'
import { playCarrier } from './play-carrier.ts'
import { playAnswers, playModel } from './play-vendors.ts'
import { forwarding, type Seen, tapped } from './tap.ts'
import { createWish } from './wish.ts'

/** How far apart two equal messages may be sent in real time; on the virtual clock, not at all. */
const SENT_WITHIN_MS = 100

/** From the wish for a call to the request that places it. */
const PLACED_WITHIN_MS = 60_000

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
  const wish = createWish()
  const onSeen = (seen: Seen): void => {
    causes.tell(seen)
    wish.tell(seen)
  }
  const collector = createCollector(clock, { trace, onSeen })
  const before = await clock.hold(view.look(), 'a look at the database')
  const playing = { clock, capture, startedAtMs: clock.now(), note: (text: string) => void notes.push(text) }
  const rest = { fetch: playAnswers(playing, 'rest') }
  world.model.show(tapped(playModel(playing), legs.model, collector))
  world.carrier.show(tapped(rest, legs.rest, collector))
  world.inbox.show(inbox.standIn)
  if (isOutbound(capture)) {
    await clock.hold(askForCall(scene, request), 'the call to be asked for')
    playing.startedAtMs = await placedWithin(clock, wish.placedAtMs)
  }
  const { startedAtMs } = playing
  trace.add({ wire: 'call', from: 'carrier', to: 'caller', what: 'ringing', body: { from, to } })
  const server = tapped(forwarding(clock, network, null), legs.carrier, collector)
  await playCarrier({
    ...playing,
    causes,
    addressOf: wish.addressOf,
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

async function askForCall({ clinic }: Scene, { fixture: { name, call } }: CallRequest): Promise<void> {
  if (clinic === null || call.purpose === null)
    throw new Mistake(`The call of ${name} is one that the server places: it needs a server of its own, and a purpose.`)
  await clinic.askForCall(call.from, { to: call.to, purpose: call.purpose })
}

async function placedWithin(clock: SimClock, placedAtMs: Promise<number>): Promise<number> {
  const late = new Promise<never>((_, reject) =>
    clock.after(PLACED_WITHIN_MS, () =>
      reject(new Mistake('The server did not place the call that it was asked for.')),
    ),
  )
  return Promise.race([placedAtMs, late])
}

function identityOf(capture: Capture): { callSid: string; from: string; to: string } {
  const { CallSid: callSid, From: from, To: to } = introductionOf(capture)
  if (callSid === undefined || from === undefined || to === undefined)
    throw new Mistake('The capture does not tell of a call, and of whose it is.')
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
    direction: isOutbound(capture) ? 'outbound-api' : 'inbound',
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
