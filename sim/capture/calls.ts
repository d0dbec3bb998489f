// Which of what goes by belongs to which call. A call begins with the request that tells of it, or with the answer to the one
// that places it, and is over when its end was told and nothing more came for a while. Requests, tapes and media streams name
// their call; a session with the model is known by its sound, a question to it by the words in it. A call of which the model's
// part cannot be told from another's is not kept.
import type { SimClock } from '../clock.ts'
import { createKinship } from './kinship.ts'
import type { Listener, Seen } from './tap.ts'
import { createThreads, MOST_SEEN, NO_CALL, type Thread } from './threads.ts'

export type CallsHeard = Listener & {
  /** Whether a stream of a call is open whose end was not told. */
  isCallUp(): boolean
  /** Whether there is a call of which something may come yet. */
  isCallKnown(): boolean
  /** Gives what there is of the calls that are up. */
  finish(): void
}

/**
 * `unclear`: sessions with the model may be of this call, or of another. `unfinished`: it was up when nobody listened any more.
 */
export type Outcome =
  | { kind: 'call'; callSid: string; seen: readonly Seen[] }
  | { kind: 'unclear' | 'unfinished' | 'too-long'; callSid: string }

/** For the recording and the analysis, which come after the end. */
const QUIET_MS = 20_000
/** With these a call is over. */
export const ends: ReadonlySet<string> = new Set(['completed', 'busy', 'failed', 'no-answer', 'canceled'])
const begins = new Set(['queued', 'initiated', 'ringing'])
/** Shorter ones are said in every call. */
const SHORTEST_TELLING_CHARS = 8

type Live = {
  callSid: string
  beganAtMs: number
  hasEnded: boolean
  isTooLong: boolean
  /** What was said in it, as its sessions wrote it down. */
  words: Set<string>
  questions: number
  openStreams: Set<number>
  cancel(): void
}

export function hearCalls(clock: SimClock, onBegin: (callSid: string) => void, onOver: (outcome: Outcome) => void) {
  const threads = createThreads()
  const kinship = createKinship()
  const live = new Map<string, Live>()
  /** Of a leg that a call dials, and of its recordings: the call. */
  const parts = new Map<string, string>()
  /** Calls whose later callbacks are nobody's beginning. */
  const past = new Set<string>()

  const callOf = (sid: string): string => parts.get(sid) ?? sid
  const onlyCall = (): string | null => (live.size === 1 ? ([...live.keys()][0] ?? null) : null)

  function begin(callSid: string, beganAtMs: number): void {
    if (live.has(callSid) || past.has(callSid)) return
    const rest = { hasEnded: false, isTooLong: false, words: new Set<string>(), questions: 0, cancel() {} }
    live.set(callSid, { callSid, beganAtMs, openStreams: new Set(), ...rest })
    onBegin(callSid)
  }

  /** By what is seen of a thread just now; null as long as that does not tell. */
  function ownerOf(thread: Thread, seen: Seen): string | null {
    switch (thread.wire) {
      case 'webhook':
        return 'request' in seen ? ownerOfForm(formOf(seen), seen.atMs) : null
      case 'rest':
        return 'request' in seen ? ownerOfRequest(seen) : 'answer' in seen ? ownerOfAnswer(thread, seen) : null
      case 'media':
        return 'text' in seen ? ownerOfStream(seen.text) : null
      case 'responses':
        return 'request' in seen ? ownerOfQuestion(textOf(seen.request.body)) : null
      case 'realtime':
        return live.size === 0 ? NO_CALL : null
    }
  }

  function ownerOfForm(form: URLSearchParams, atMs: number): string {
    const callSid = form.get('CallSid') ?? ''
    if (callSid === '') return NO_CALL
    const parent = form.get('ParentCallSid') ?? ''
    if (live.has(callOf(parent))) parts.set(callSid, callOf(parent))
    const owner = callOf(callSid)
    if (past.has(owner)) return NO_CALL
    // What is told of any other began before anybody listened.
    if (begins.has(form.get('CallStatus') ?? '')) begin(owner, atMs)
    if (!live.has(owner)) return NO_CALL
    const recording = form.get('RecordingSid')
    if (recording !== null) parts.set(recording, owner)
    const call = live.get(callSid)
    if (call !== undefined && ends.has(form.get('CallStatus') ?? '')) call.hasEnded = true
    return owner
  }

  function ownerOfRequest({ request: { method, path, body } }: Extract<Seen, { request: unknown }>): string | null {
    // The answer tells which call that is.
    if (method === 'POST' && /\/Calls\.json$/.test(path)) return null
    const named = /\b(?:CA|RE)[0-9a-f]{32}/.exec(path)?.[0] ?? /CA[0-9a-f]{32}/.exec(textOf(body))?.[0]
    const owner = named === undefined ? onlyCall() : callOf(named)
    return owner !== null && live.has(owner) ? owner : NO_CALL
  }

  /** A recording that it tells of is part of the call; a call that was placed begins. */
  function ownerOfAnswer(thread: Thread, { answer, atMs }: Extract<Seen, { answer: unknown }>): string | null {
    const sids = textOf(answer.body).match(/"sid":\s*"(?:RE|CA)[0-9a-f]{32}"/g) ?? []
    for (const sid of sids.map((each) => each.slice(-35, -1))) {
      if (thread.owner !== null) parts.set(sid, thread.owner)
      else if (sid.startsWith('CA')) {
        begin(sid, thread.seen[0]?.seen.atMs ?? atMs)
        return live.has(sid) ? sid : NO_CALL
      }
    }
    return thread.owner ?? NO_CALL
  }

  function ownerOfStream(text: string): string | null {
    const callSid = /"callSid":\s*"(CA[0-9a-f]{32})"/.exec(text)?.[1]
    if (callSid === undefined) return null
    return live.has(callOf(callSid)) ? callOf(callSid) : NO_CALL
  }

  /** The call of which the most words are in it; of two that said the same, the one that waits for its analysis. */
  function ownerOfQuestion(text: string): string {
    const told = [...live.values()].map((call) => {
      const count = [...call.words].filter((each) => text.includes(each)).length
      return { call, count, share: count / Math.max(1, call.words.size), waits: call.hasEnded ? 1 - call.questions : 0 }
    })
    const [best] = told
      .sort((a, b) => b.count - a.count || b.share - a.share || b.waits - a.waits)
      .map(({ call }) => call)
    if (best === undefined) return NO_CALL
    best.questions++
    return best.callSid
  }

  /** What a session of a call writes down are its words. */
  function learn(thread: Thread, text: string): void {
    if (!text.includes('.done"') && !text.includes('.completed"')) return
    const call = live.get(kinship.callOf(thread.n) ?? onlyCall() ?? '')
    const said = /"transcript":\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1]
    const words: string = said === undefined ? '' : JSON.parse(said)
    if (words.trim().length >= SHORTEST_TELLING_CHARS) call?.words.add(JSON.stringify(words.trim()).slice(1, -1))
  }

  function hear(thread: Thread, seen: Extract<Seen, { text: string }>): void {
    if (thread.wire === 'media' && thread.owner !== null) kinship.media(thread.owner, seen.from, seen.text)
    if (thread.wire !== 'realtime') return
    kinship.realtime(thread.n, seen.from, seen.text)
    if (seen.from === 'vendor') learn(thread, seen.text)
  }

  const sessionOf = ({ owner, n }: Thread): string | null => owner ?? kinship.callOf(n)
  const sessions = (): Thread[] => [...threads.all()].filter(({ wire }) => wire === 'realtime')

  /**
   * A call has the sessions that sound like it, and those without a sound that no other call can have. False when one of these
   * may be its, or another's.
   */
  function findSessions({ callSid, beganAtMs }: Live): boolean {
    const served = new Set(sessions().map(sessionOf))
    return sessions()
      .filter((thread) => thread.beganAtMs >= beganAtMs)
      .every((thread) => {
        thread.owner = kinship.callOf(thread.n) === callSid ? callSid : thread.owner
        if (sessionOf(thread) !== null) return true
        const able = [...live.values()].filter((each) => each.beganAtMs <= thread.beganAtMs)
        const unserved = able.filter((each) => !served.has(each.callSid))
        const [only, other] = able.length === 1 ? able : unserved
        if (only === undefined || other !== undefined) thread.isDisputed = true
        if (only === undefined || thread.isDisputed) return false
        if (only.callSid === callSid) thread.owner = callSid
        return true
      })
  }

  const isUp = ({ hasEnded, openStreams }: Live): boolean => !hasEnded && openStreams.size > 0

  function over(call: Live): void {
    const { callSid, isTooLong } = call
    call.cancel()
    const isClear = findSessions(call)
    live.delete(callSid)
    past.add(callSid)
    const seen = threads.take(callSid)
    const firstAtMs = Math.min(...[...live.values()].map(({ beganAtMs }) => beganAtMs))
    threads.forgetAll(({ wire, beganAtMs, owner }) => wire === 'realtime' && owner === null && beganAtMs < firstAtMs)
    if (isTooLong) onOver({ kind: 'too-long', callSid })
    else if (isUp(call)) onOver({ kind: 'unfinished', callSid })
    else onOver(isClear ? { kind: 'call', callSid, seen } : { kind: 'unclear', callSid })
  }

  return {
    isCallKnown: () => live.size > 0,
    isCallUp: () => [...live.values()].some(isUp),
    finish() {
      for (const call of [...live.values()]) over(call)
    },
    next: threads.next,
    see(given) {
      const seen = { atMs: clock.now(), ...given }
      const thread = threads.add(seen)
      if (thread === null) return
      if (thread.owner === null || 'answer' in seen) thread.owner = ownerOf(thread, seen) ?? thread.owner
      if ('text' in seen) hear(thread, seen)
      if (thread.owner === NO_CALL && !('request' in seen || 'open' in seen)) threads.forget(thread)
      if (threads.size > MOST_SEEN) {
        for (const call of live.values()) call.isTooLong = true
        threads.forgetAll(() => true)
      }
      const call = live.get((thread.wire === 'realtime' ? sessionOf(thread) : thread.owner) ?? '')
      if (thread.wire === 'media' && 'close' in seen) call?.openStreams.delete(thread.n)
      else if (thread.wire === 'media') call?.openStreams.add(thread.n)
      call?.cancel()
      if (call?.hasEnded) call.cancel = clock.after(QUIET_MS, () => over(call))
    },
  } satisfies CallsHeard
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const formOf = ({ request }: Extract<Seen, { request: unknown }>): URLSearchParams =>
  new URLSearchParams(textOf(request.body))
