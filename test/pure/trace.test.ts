// The trace: times, listeners, and lines that are equal for equal runs.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createVirtualClock } from '../../sim/clock.ts'
import { createTrace, type TraceEntry, toJsonl } from '../../sim/trace.ts'

const entry = (atMs: number, wire: TraceEntry['wire'], what: string, body?: unknown): TraceEntry => ({
  atMs,
  wire,
  from: 'carrier',
  to: 'server',
  what,
  body,
})

test('entries carry the time since the trace began, and listeners hear each one as it is added', async () => {
  const clock = createVirtualClock({ startMs: 1_000 })
  const trace = createTrace(clock)
  const heard: TraceEntry[] = []
  trace.onEntry((each) => heard.push(each))
  await clock.run(
    new Promise<void>((resolve) =>
      clock.after(20, () => {
        trace.add({ wire: 'media', from: 'carrier', to: 'server', what: 'media' })
        resolve()
      }),
    ),
  )
  expect(trace.entries).toEqual([{ atMs: 20, wire: 'media', from: 'carrier', to: 'server', what: 'media' }])
  expect(heard).toEqual([...trace.entries])
})

test('the lines of one run are the same bytes however requests of one millisecond were shuffled', () => {
  const requests = [0, 0, 0, 7, 7].map((atMs, at) => entry(atMs, 'callback', `POST /status`, { sequence: at % 3 }))
  const socket = ['connected', 'start', 'media'].map((what) => entry(7, 'media', what))
  const wanted = toJsonl([...requests, ...socket])
  fc.assert(
    fc.property(fc.shuffledSubarray(requests, { minLength: 5, maxLength: 5 }), fc.boolean(), (shuffled, isFirst) => {
      expect(toJsonl(isFirst ? [...socket, ...shuffled] : [...shuffled, ...socket])).toBe(wanted)
    }),
  )
})

test('a request comes before its answer', () => {
  const lines = toJsonl([entry(5, 'rest', '201'), entry(5, 'rest', 'POST /Calls.json')])
  expect(lines.indexOf('POST')).toBeLessThan(lines.indexOf('201'))
})

test('what goes over one socket keeps its order', () => {
  const lines = toJsonl([entry(5, 'realtime', 'response.created'), entry(5, 'realtime', 'a later event')])
  expect(lines.indexOf('response.created')).toBeLessThan(lines.indexOf('a later event'))
})

test('audio is written as base64, in whatever kind of byte array it comes', () => {
  const lines = toJsonl([entry(0, 'media', 'media', { one: new Uint8Array([1, 2]), other: Buffer.from([1, 2]) })])
  expect(JSON.parse(lines).body).toEqual({ one: 'AQI=', other: 'AQI=' })
})
