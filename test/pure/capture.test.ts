// Captures as values: what is read and refused, where two of them part, whose call is whose, and what stands for whose words.
import { describe, expect, test } from 'bun:test'
import { hearCalls, type Outcome } from '../../sim/capture/calls.ts'
import { type Capture, type CaptureEvent, readCapture, writeCapture } from '../../sim/capture/capture.ts'
import { captureOf } from '../../sim/capture/collecting.ts'
import { differences } from '../../sim/capture/comparing.ts'
import { redacted } from '../../sim/capture/redacting.ts'
import { createStranger, type Wishes } from '../../sim/capture/words.ts'
import type { SimClock } from '../../sim/clock.ts'
import { createRandom } from '../../sim/random.ts'
import { tone } from './carrier-rig.ts'

const frame = (at: number, from: 'vendor' | 'server', span: [number, number]): CaptureEvent => ({
  at,
  wire: 'media',
  n: 0,
  from,
  message: { event: 'media' },
  audio: span,
})
const said = (at: number, wire: 'media' | 'realtime', from: 'vendor' | 'server', message: Record<string, unknown>) =>
  ({ at, wire, n: 0, from, message }) satisfies CaptureEvent
const fields = { CallSid: `CA${'1'.repeat(32)}`, From: '+12125550200', To: '+12125550300', CallStatus: 'ringing' }

const capture: Capture = {
  beganAtMs: Date.UTC(2026, 10, 24),
  audio: tone(80),
  events: [
    { at: 0, wire: 'webhook', n: 0, request: { method: 'POST', path: '/voice', fields } },
    { at: 10, wire: 'webhook', n: 0, answer: { status: 200, type: 'text/xml', verbs: ['Response', 'Connect'] } },
    { at: 500, wire: 'media', n: 0, open: '/media' },
    frame(520, 'vendor', [0, 160]),
    frame(540, 'vendor', [160, 320]),
    frame(600, 'server', [320, 640]),
    said(600, 'media', 'server', { event: 'mark', mark: { name: 'a' } }),
    said(640, 'media', 'vendor', { event: 'mark', mark: { name: 'a' } }),
    { at: 900, wire: 'media', n: 0, from: 'server', close: 1000 },
  ],
}
const changed = (change: (event: CaptureEvent, place: number) => CaptureEvent[]): Capture => ({
  ...capture,
  events: capture.events.flatMap(change),
})
const at = (place: number, change: (event: CaptureEvent) => CaptureEvent[]) =>
  changed((event, each) => (each === place ? change(event) : [event]))

describe('a capture', () => {
  test('is read as it was written', () => {
    expect(readCapture(writeCapture(capture), capture.audio, capture.beganAtMs)).toEqual(capture)
  })

  test.each([
    ['a line that is none', 'nothing', 'line 1 is no event of a call'],
    ['audio that is not there', JSON.stringify(frame(0, 'vendor', [0, 9_999])), 'line 1 names audio'],
    [
      'lines out of order',
      writeCapture({ ...capture, events: [...capture.events].reverse() }),
      'not in the order of time',
    ],
  ])('is refused with %s', (_, text, why) => {
    expect(() => readCapture(text, capture.audio, 0)).toThrow(why)
  })
})

describe('two captures of one call', () => {
  test('are the same when the server was sooner, cut its audio otherwise, or a frame came after its end', () => {
    expect(differences(capture, capture)).toEqual([])
    expect(
      differences(
        capture,
        at(1, (event) => [{ ...event, at: 2 }]),
      ),
    ).toEqual([])
    const parts = [frame(600, 'server', [320, 400]), frame(600, 'server', [400, 640])]
    expect(
      differences(
        capture,
        at(5, () => parts),
      ),
    ).toEqual([])
    expect(differences({ ...capture, events: [...capture.events, frame(920, 'vendor', [0, 160])] }, capture)).toEqual(
      [],
    )
  })

  test.each([
    [
      'a frame at another time',
      at(3, (event) => [{ ...event, at: 521 }]),
      /from the carrier: media .* at 521 ms, not at 520 ms/,
    ],
    ['another frame', at(3, () => [frame(520, 'vendor', [0, 159])]), /from the carrier: at 520 ms/],
    ['a frame less', at(4, () => []), /from the carrier: at 640 ms mark a/],
    [
      'a byte less of the server',
      at(5, () => [frame(600, 'server', [320, 639])]),
      /from the server: at 600 ms mark a at byte 319/,
    ],
    ['a mark less', at(6, () => []), /from the server: at 900 ms the end/],
    [
      'a server that is late',
      at(8, (event) => [{ ...event, at: 1_200 }]),
      /the end, at byte 320 at 1200 ms, not at 900 ms/,
    ],
    [
      'another document',
      at(1, () => [
        { at: 10, wire: 'webhook', n: 0, answer: { status: 200, type: 'text/xml', verbs: ['Response', 'Hangup'] } },
      ]),
      /answers of the server: at 10 ms 200 Response Hangup, where 200 Response Connect was/,
    ],
    ['a callback less', at(0, () => []), /requests of the carrier: POST \/voice at 0 ms is missing/],
  ])('part by %s', (_, other, where) => {
    const found = differences(capture, other)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(where)
  })
})

const wishes: Wishes = {
  keepsWords: false,
  keepsNumbers: false,
  replace: [],
  clinic: { from: fields.To, to: '+15551234567' },
  vocabulary: new Set(['booked']),
}
const stranger = (more: Partial<Wishes> = {}) => createStranger(createRandom('x'), { ...wishes, ...more })

describe('who stands for the people', () => {
  test('is the same for the same, and drawn anew for every capture', () => {
    const one = stranger()
    expect(one.words('Anna, anna!')).toBe(`${one.words('anna')}, ${one.words('anna')}!`)
    expect(one.words('Anna')).not.toBe(createStranger(createRandom('y'), wishes).words('Anna'))
    expect(one.words('one two three')).not.toMatch(/one|two|three/)
    expect(one.words('booked')).toBe('booked')
    expect(one.words('1958-03-04')).toBe('1990-01-01')
  })

  test('numbers and SIDs become other ones, wherever they stand; the clinic’s becomes the fixture’s', () => {
    const one = stranger()
    expect(one.ids(`/calls/${fields.CallSid}?to=%2B12125550300`)).toMatch(
      /^\/calls\/CA(?!1{32})[0-9a-f]{32}\?to=%2B15551234567$/,
    )
    expect(one.ids(fields.From)).toBe('+15550190000')
    expect(one.words(`call ${fields.From}`)).not.toContain('2125550200')
  })

  test('is who was asked for, by name', () => {
    const named = stranger({ replace: [['Anna Berg', 'Dana Reyes']] })
    expect(named.words('I am Anna Berg.')).toMatch(/^\w+ \w+ Dana Reyes\.$/)
  })

  test('leaves out what a form tells of a caller, and makes keys that were pressed another one', () => {
    const told: Capture = {
      ...capture,
      events: [
        {
          at: 0,
          wire: 'webhook',
          n: 0,
          request: { method: 'POST', path: '/', fields: { ...fields, CallerCity: 'OSLO' } },
        },
        said(1, 'media', 'vendor', { event: 'dtmf', dtmf: { digit: '7' } }),
      ],
    }
    const { events, audio } = redacted(told, stranger(), { words: false, numbers: false, audio: false })
    expect(JSON.stringify(events)).not.toMatch(/OSLO|2125550|"7"/)
    expect(audio).toHaveLength(told.audio.length)
  })
})

describe('of what goes by', () => {
  function heard() {
    const timers = new Set<() => void>()
    const clock: SimClock = {
      isVirtual: false,
      now: () => 0,
      after(_, run) {
        timers.add(run)
        return () => void timers.delete(run)
      },
      hold: async (work) => (typeof work === 'function' ? work() : work),
    }
    const outcomes: Outcome[] = []
    const calls = hearCalls(
      clock,
      () => {},
      (outcome) => void outcomes.push(outcome),
    )
    const ask = (callSid: string, status: string) => {
      const body = new TextEncoder().encode(new URLSearchParams({ CallSid: callSid, CallStatus: status }).toString())
      const type = 'application/x-www-form-urlencoded'
      calls.see({ wire: 'webhook', n: calls.next('webhook'), request: { method: 'POST', path: '/', type, body } })
    }
    const quiet = () => {
      for (const run of [...timers]) run()
    }
    return { calls, outcomes, ask, quiet }
  }

  test('a call is what came from its first request to the quiet after its end', () => {
    const { calls, outcomes, ask, quiet } = heard()
    calls.see({ wire: 'realtime', n: 0, open: '/' })
    ask('CA1', 'ringing')
    quiet()
    expect(outcomes).toEqual([])
    ask('CA1', 'completed')
    ask('CA1', 'completed')
    quiet()
    ask('CA1', 'completed')
    quiet()
    expect(outcomes).toMatchObject([{ kind: 'call', callSid: 'CA1' }])
    const [call] = outcomes
    expect(call?.kind === 'call' && captureOf(call.seen).events).toHaveLength(3)
  })

  test('a call is over by itself, whatever goes on beside it', () => {
    const { outcomes, ask, quiet } = heard()
    ask('CA1', 'ringing')
    ask('CA2', 'ringing')
    ask('CA1', 'completed')
    quiet()
    expect(outcomes).toMatchObject([{ kind: 'call', callSid: 'CA1' }])
    ask('CA2', 'completed')
    ask('CA3', 'ringing')
    ask('CA3', 'completed')
    quiet()
    expect(outcomes).toMatchObject(['CA1', 'CA2', 'CA3'].map((callSid) => ({ kind: 'call', callSid })))
  })
})
