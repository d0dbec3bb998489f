// Of several calls at once, what goes by is told apart by what names its call, and the model's part by its sound.
import { describe, expect, test } from 'bun:test'
import { hearCalls, type Outcome } from '../../sim/capture/calls.ts'
import { createVirtualClock } from '../../sim/clock.ts'

const callSid = (letter: string): string => `CA${letter.repeat(32)}`
const [a, b] = [callSid('a'), callSid('b')]
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const form = 'application/x-www-form-urlencoded'
const json = 'application/json'
/** 160 bytes that no other has. */
const sound = (seed: number): string =>
  Buffer.from(Array.from({ length: 160 }, (_, at) => (at * seed) % 251)).toString('base64')
const silence = Buffer.alloc(160, 0xff).toString('base64')

function listen() {
  const begun: string[] = []
  const outcomes: Outcome[] = []
  const heard = hearCalls(
    createVirtualClock({ startMs: 0 }),
    (sid) => void begun.push(sid),
    (outcome) => void outcomes.push(outcome),
  )
  const exchange = (wire: 'webhook' | 'rest' | 'responses', path: string, body: string, answer = '') => {
    const n = heard.next(wire)
    heard.see({ wire, n, request: { method: 'POST', path, type: form, body: bytes(body) } })
    heard.see({ wire, n, answer: { status: 200, type: json, body: bytes(answer) } })
  }
  const rings = (sid: string) => exchange('webhook', '/voice', `CallSid=${sid}&CallStatus=ringing`)
  function session(): { n: number; hears(of: string): void; writes(words: string): void } {
    const n = heard.next('realtime')
    heard.see({ wire: 'realtime', n, open: '/v1/realtime' })
    const audio = (of: string) => JSON.stringify({ type: 'input_audio_buffer.append', audio: of })
    const type = 'conversation.item.input_audio_transcription.completed'
    return {
      n,
      hears: (of) => heard.see({ wire: 'realtime', n, from: 'server', text: audio(of) }),
      writes: (transcript) =>
        heard.see({ wire: 'realtime', n, from: 'vendor', text: JSON.stringify({ type, transcript }) }),
    }
  }
  function stream(sid: string) {
    const n = heard.next('media')
    const say = (message: unknown) => heard.see({ wire: 'media', n, from: 'vendor', text: JSON.stringify(message) })
    heard.see({ wire: 'media', n, open: '/media' })
    say({ event: 'connected' })
    say({ event: 'start', start: { callSid: sid } })
    return {
      says: (of: string) => say({ event: 'media', media: { payload: of } }),
      closes: () => heard.see({ wire: 'media', n, from: 'vendor', close: 1000 }),
    }
  }
  const of = (sid: string) =>
    outcomes.flatMap((outcome) => (outcome.kind === 'call' && outcome.callSid === sid ? outcome.seen : []))
  return { heard, begun, outcomes, exchange, rings, session, stream, of }
}

describe('of calls at once', () => {
  test('each has its own requests, stream, session and question, numbered by themselves', () => {
    const { heard, exchange, rings, session, stream, of, outcomes } = listen()
    rings(a)
    rings(b)
    // The sessions come in the other order.
    const [ofB, ofA] = [session(), session()]
    const [fromA, fromB] = [stream(a), stream(b)]
    for (const [place, [caller, model]] of (
      [
        [fromA, ofA],
        [fromB, ofB],
      ] as const
    ).entries()) {
      caller.says(silence)
      model.hears(silence)
      caller.says(sound(place + 2))
      model.hears(sound(place + 2))
    }
    ofA.writes('I would like to cancel.')
    ofB.writes('Do you open on Saturdays?')
    const recording = `RE${'c'.repeat(32)}`
    exchange('rest', `/2010-04-01/Accounts/AC/Calls/${b}/Recordings.json`, '', JSON.stringify({ sid: recording }))
    exchange('rest', `/2010-04-01/Accounts/AC/Recordings/${recording}.wav`, '')
    exchange('responses', '/v1/responses', JSON.stringify({ input: 'Caller: Do you open on Saturdays?' }))
    exchange('responses', '/v1/responses', JSON.stringify({ input: 'Caller: I would like to cancel.' }))
    exchange('webhook', '/healthz', '')
    for (const caller of [fromA, fromB]) caller.closes()
    heard.finish()
    expect(outcomes.map(({ kind }) => kind)).toEqual(['call', 'call'])
    const words = (sid: string) => JSON.stringify(of(sid).map((each) => ('text' in each ? each.text : '')))
    expect([words(a).includes('cancel'), words(a).includes('Saturdays')]).toEqual([true, false])
    expect([words(b).includes('cancel'), words(b).includes('Saturdays')]).toEqual([false, true])
    const count = (sid: string, wire: string) =>
      of(sid).filter((each) => each.wire === wire && 'request' in each).length
    expect(['webhook', 'rest', 'responses'].map((wire) => count(a, wire))).toEqual([1, 0, 1])
    expect(['webhook', 'rest', 'responses'].map((wire) => count(b, wire))).toEqual([1, 2, 1])
    for (const sid of [a, b])
      for (const wire of ['media', 'realtime', 'responses'])
        expect(
          new Set(
            of(sid)
              .filter((each) => each.wire === wire)
              .map(({ n }) => n),
          ),
        ).toEqual(new Set([0]))
  })

  test('a session without any sound belongs to the one that has no other', () => {
    const { heard, rings, session, stream, of } = listen()
    rings(a)
    rings(b)
    const [one] = [session(), session()]
    const caller = stream(b)
    caller.says(sound(3))
    one.hears(sound(3))
    caller.closes()
    heard.finish()
    expect([a, b].map((sid) => of(sid).filter(({ wire }) => wire === 'realtime').length)).toEqual([1, 2])
  })

  test('neither is kept when their sessions cannot be told apart', () => {
    const { heard, rings, session, outcomes } = listen()
    rings(a)
    rings(b)
    session()
    session()
    heard.finish()
    expect(outcomes).toEqual([
      { kind: 'unclear', callSid: a },
      { kind: 'unclear', callSid: b },
    ])
  })

  test('a leg that one dials is part of it, and what comes after the end is nobody’s', () => {
    const { heard, exchange, rings, begun, of } = listen()
    rings(a)
    rings(b)
    const leg = callSid('d')
    exchange('webhook', '/leg-status', `CallSid=${leg}&ParentCallSid=${b}&CallStatus=completed`)
    heard.finish()
    rings(a)
    heard.finish()
    expect(begun).toEqual([a, b])
    expect([a, b].map((sid) => of(sid).length)).toEqual([2, 4])
  })

  test('one that the server places begins with the request for it, also where a callback was sooner than its answer', () => {
    const { heard, begun, exchange, of, rings } = listen()
    const place = (sid: string, meanwhile = () => {}) => {
      const n = heard.next('rest')
      const path = '/2010-04-01/Accounts/AC/Calls.json'
      heard.see({ wire: 'rest', n, request: { method: 'POST', path, type: form, body: bytes('To=%2B15550102030') } })
      meanwhile()
      const answer = JSON.stringify({ account_sid: 'AC', parent_call_sid: null, sid })
      heard.see({ wire: 'rest', n, answer: { status: 201, type: json, body: bytes(answer) } })
    }
    place(a)
    rings(a)
    place(b, () => rings(b))
    exchange('rest', `/2010-04-01/Accounts/AC/Calls/${a}.json`, 'Url=https%3A%2F%2Fdesk.example')
    heard.finish()
    expect(begun).toEqual([a, b])
    const wires = (sid: string) => of(sid).map((each) => `${each.wire} ${'request' in each ? 'asks' : 'is answered'}`)
    const [asks, answered] = ['rest asks', 'rest is answered']
    const rang = ['webhook asks', 'webhook is answered']
    expect(wires(a)).toEqual([asks, answered, ...rang, asks, answered])
    expect(wires(b)).toEqual([asks, ...rang, answered])
  })

  test('what began before anybody listened is none', () => {
    const { heard, begun, exchange } = listen()
    exchange('webhook', '/status', `CallSid=${a}&CallStatus=completed`)
    exchange('webhook', '/recording', `CallSid=${a}&RecordingSid=RE${'c'.repeat(32)}`)
    exchange('rest', `/2010-04-01/Accounts/AC/Calls/${a}.json`, '')
    heard.finish()
    expect(begun).toEqual([])
  })

  test('one that is still up when nobody listens any more is not kept; one whose stream is over is', () => {
    const { heard, rings, stream, outcomes } = listen()
    rings(a)
    rings(b)
    stream(a)
    const ofB = stream(b)
    expect(heard.isCallUp()).toBe(true)
    ofB.closes()
    heard.finish()
    expect(outcomes.map(({ kind, callSid: sid }) => [kind, sid])).toEqual([
      ['unfinished', a],
      ['call', b],
    ])
    expect([heard.isCallUp(), heard.isCallKnown()]).toEqual([false, false])
  })
})
