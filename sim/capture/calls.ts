// Which of what goes by belongs to one call: it begins with the request that tells of it, and is over when its end was told and
// nothing more came for a while. Only one call at a time can be told from another, since the model is not told whose it is: of
// two at once, neither is kept.
import type { SimClock } from '../clock.ts'
import { createCollector } from './listening.ts'
import type { Listener, Seen } from './tap.ts'

export type CallsHeard = Listener & {
  /** Gives what there is of the call that is up. */
  finish(): void
}

export type Outcome =
  | { kind: 'call'; callSid: string; seen: readonly Seen[] }
  | { kind: 'two-at-once' }
  | { kind: 'too-long'; callSid: string }

/** For the recording and the analysis, which come after the end. */
const QUIET_MS = 20_000
const ends = new Set(['completed', 'busy', 'failed', 'no-answer', 'canceled'])

export function hearCalls(clock: SimClock, onBegin: (callSid: string) => void, onOver: (outcome: Outcome) => void) {
  let current = begin()
  /** Calls whose later callbacks are nobody's beginning. */
  const past = new Set<string>()

  function begin() {
    return {
      collector: createCollector(clock),
      callSid: '',
      hasEnded: false,
      others: new Set<string>(),
      cancel: () => {},
    }
  }

  function take(form: URLSearchParams): void {
    const callSid = form.get('CallSid') ?? ''
    if (callSid === '' || past.has(callSid)) return
    if (current.callSid === '') {
      current.callSid = callSid
      onBegin(callSid)
    }
    // A leg that this call dials is part of it.
    if (callSid !== current.callSid && form.get('ParentCallSid') !== current.callSid) current.others.add(callSid)
    if (callSid === current.callSid && ends.has(form.get('CallStatus') ?? '')) current.hasEnded = true
  }

  function finish(): void {
    const { collector, callSid, others, cancel } = current
    cancel()
    current = begin()
    if (callSid === '') return
    for (const each of [callSid, ...others]) past.add(each)
    if (others.size > 0) onOver({ kind: 'two-at-once' })
    else if (collector.isFull) onOver({ kind: 'too-long', callSid })
    else onOver({ kind: 'call', callSid, seen: collector.seen })
  }

  return {
    finish,
    next: (wire) => current.collector.next(wire),
    see(seen) {
      if (seen.wire === 'webhook' && 'request' in seen)
        take(new URLSearchParams(new TextDecoder().decode(seen.request.body)))
      // What comes before a call is none of its.
      if (current.callSid === '') return
      current.collector.see(seen)
      current.cancel()
      if (current.hasEnded) current.cancel = clock.after(QUIET_MS, finish)
    },
  } satisfies CallsHeard
}
