// What a person sees of a call in a terminal: set to the width, coloured only where wanted, told in the order it was lived.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { latencies } from '../../sim/audit/latency.ts'
import { audit, rules } from '../../sim/auditor.ts'
import { createConsole, type Screen } from '../../sim/console.ts'
import { wrapped } from '../../sim/console-layout.ts'
import type { Party, TraceEntry, Wire } from '../../sim/trace.ts'
import { auditedCall } from '../support/audited-call.ts'
import { item } from '../support/audited-parts.ts'

const ESCAPE = '\u001b'

function open(screen: Partial<Screen> = {}, environment: Record<string, string> = {}) {
  let written = ''
  const shown = createConsole({ write: (text) => (written += text), columns: 80, ...screen }, environment)
  return { ...shown, written: () => written, lines: () => written.split('\n').map((line) => line.trim()) }
}

const entry = (atMs: number, wire: Wire, from: Party, to: Party, what: string, body?: unknown): TraceEntry => ({
  atMs,
  wire,
  from,
  to,
  what,
  body,
})
const fromModel = (atMs: number, what: string, body: unknown) => entry(atMs, 'realtime', 'model', 'server', what, body)
const sounds = (atMs: number, item_id: string, delta: string) => [
  fromModel(atMs, 'response.output_audio_transcript.delta', { item_id, delta }),
  fromModel(atMs, 'response.output_audio.delta', { item_id }),
]

const bargeIn = [
  ...sounds(1_000, 'item_1', 'I will pass that on,'),
  ...sounds(1_100, 'item_1', ' Dana, and'),
  entry(2_000, 'call', 'caller', 'carrier', 'say', { words: 'That is all.' }),
  entry(2_150, 'media', 'server', 'carrier', 'clear'),
  entry(2_150, 'realtime', 'server', 'model', 'conversation.item.truncate', { item_id: 'item_1', audio_end_ms: 1_140 }),
  fromModel(2_160, 'response.output_audio_transcript.done', {
    item_id: 'item_1',
    transcript: 'I will pass that on, Dana, and they',
  }),
]

const report = (call: ReturnType<typeof auditedCall>) => ({
  seed: '7',
  evidence: call,
  violations: audit(call),
  latencies: latencies(call.carrier),
  ruleCount: rules.length,
  repeat: 'bun sim call --seed 7',
})

describe('a call in the terminal', () => {
  test('tells a turn by when it began to sound, and what was cut off before who cut it', () => {
    const shown = open()
    for (const each of bargeIn) shown.entry(each)
    expect(shown.lines()).toEqual([
      '1.0 s  agent      I will pass that on, Dana, and …',
      '2.0 s  caller     That is all.',
      '2.1 s  cut in     the agent falls silent after 0.1 s; 1.1 s of what it was',
      'saying were heard',
      '',
    ])
  })

  test('tells apart whom the caller cuts short, by voice or by a key, and whom the server silences later', () => {
    const cut = (sinceMs: number, act: TraceEntry[]) => {
      const shown = open()
      const truncated = { item_id: 'item_1', audio_end_ms: 900 }
      for (const each of [
        ...act,
        entry(sinceMs, 'media', 'server', 'carrier', 'clear'),
        entry(sinceMs, 'realtime', 'server', 'model', 'conversation.item.truncate', truncated),
      ])
        shown.entry(each)
      return shown.lines().join(' ')
    }
    const says = entry(2_000, 'call', 'caller', 'carrier', 'say', { words: 'Stop.' })
    const said = entry(2_500, 'call', 'caller', 'carrier', 'said')
    const presses = entry(2_000, 'call', 'caller', 'carrier', 'press', { digits: '1' })
    expect(cut(3_400, [says, said])).toContain('cut in     the agent falls silent after 1.4 s; 0.9 s of')
    expect(cut(4_400, [says, said])).toContain('cut off    the server silences the agent; 0.9 s of')
    expect(cut(2_100, [says, said, presses])).toContain('falls silent after 0.1 s')
  })

  test('tells tools with what they took and answered', () => {
    const shown = open()
    shown.entry(
      fromModel(10, 'response.function_call_arguments.done', {
        name: 'take_message',
        arguments: '{"caller_name":"Dana","is_urgent":false}',
      }),
    )
    const output = { type: 'function_call_output', output: '{"taken":true}' }
    shown.entry(entry(20, 'realtime', 'server', 'model', 'conversation.item.create', { item: output }))
    expect(shown.lines()).toEqual([
      '0.0 s  tool       take_message  caller_name: Dana · is_urgent: false',
      '→ taken: true',
      '',
    ])
  })

  test('tells what goes wrong with the model: a refused socket, an answer that fails or stops, a turn without words', () => {
    const shown = open()
    const told = (what: string, body: object) => shown.entry(entry(0, 'realtime', 'model', 'server', what, body))
    shown.entry(entry(0, 'realtime', 'server', 'model', 'handshake 503', {}))
    told('response.done', { response: { status: 'failed', status_details: { error: { code: 'server_error' } } } })
    told('response.done', { response: { status: 'incomplete', status_details: { reason: 'content_filter' } } })
    told('response.done', { response: { status: 'completed', status_details: null } })
    told('conversation.item.input_audio_transcription.failed', { error: { message: 'It was not understood.' } })
    expect(shown.lines()).toEqual([
      '0.0 s  model      answers the handshake with 503',
      '0.0 s  model      fails: server_error',
      '0.0 s  model      stops early: content_filter',
      '0.0 s  model      has no transcript: It was not understood.',
      '',
    ])
  })

  test('tells requests once, and of answers only those that refuse', () => {
    const shown = open()
    shown.entry(entry(0, 'callback', 'carrier', 'server', 'POST /api/twilio/status', { CallStatus: 'completed' }))
    shown.entry(entry(0, 'callback', 'server', 'carrier', '204', ''))
    const why = { CallStatus: 'ringing', ErrorCode: '11217', ErrorUrl: 'https://desk.example/voice' }
    shown.entry(entry(0, 'webhook', 'carrier', 'server', 'POST /fallback', why))
    shown.entry(
      entry(0, 'callback', 'carrier', 'server', 'POST /text', { MessageStatus: 'failed', ErrorCode: '30003' }),
    )
    shown.entry(entry(0, 'webhook', 'server', 'carrier', '403', ''))
    shown.entry(
      entry(
        0,
        'rest',
        'server',
        'carrier',
        `POST /2010-04-01/Accounts/AC${'0'.repeat(32)}/Calls/CA${'1'.repeat(32)}/Recordings.json`,
        {},
      ),
    )
    expect(shown.lines()).toEqual([
      '0.0 s  callback   POST /api/twilio/status  completed',
      '0.0 s  webhook    POST /fallback  ringing ErrorCode 11217',
      '0.0 s  callback   POST /text  failed',
      '0.0 s  webhook    server answers 403',
      '0.0 s  rest       POST /Calls/CA1111…/Recordings.json',
      '',
    ])
  })

  test('tells a person’s telephone as it tells the caller’s, and who is put through to whom', () => {
    const shown = open()
    const number = '+15550109999'
    const told = (what: string, body = {}) =>
      shown.entry(entry(0, 'call', 'carrier', 'person', what, { number, ...body }))
    const does = (what: string, body = {}) =>
      shown.entry(entry(0, 'call', 'person', 'carrier', what, { number, ...body }))
    told('ringing', { from: '+15551234567', to: number })
    told('answered')
    told('say', { text: 'A call for you.' })
    does('press', { digits: '1' })
    told('gathered', { digits: '1' })
    shown.entry(entry(0, 'call', 'carrier', 'caller', 'connected', { with: number }))
    does('say', { words: 'Nurse Kim.' })
    does('said')
    does('hang-up')
    told('ended', { status: 'completed', by: 'person' })
    for (const status of ['busy', 'no-answer', 'failed', 'canceled']) told('ended', { status, by: 'carrier' })
    told('detected', { answeredBy: 'human' })
    told('joined', { name: 'desk' })
    expect(shown.lines().map((line) => line.replace(/^0.0 s +/, ''))).toEqual([
      'rings      the telephone of +15550109999',
      'person     +15550109999 answers',
      'whisper    A call for you.',
      'person     presses 1',
      'keys       1 were gathered',
      'connected  the caller and +15550109999 hear each other',
      'person     Nurse Kim.',
      'person     hangs up',
      'person     +15550109999 is off the line',
      'person     +15550109999 is busy',
      'person     +15550109999 does not answer',
      'person     +15550109999 cannot be reached',
      'person     +15550109999 rings no more',
      'detection  answered by: human',
      'conference the person enters desk',
      '',
    ])
  })

  test('leaves out every frame', () => {
    const shown = open()
    for (const what of ['media', 'mark', 'connected']) shown.entry(entry(0, 'media', 'carrier', 'server', what, {}))
    shown.entry(fromModel(0, 'response.done', {}))
    expect(shown.written()).toBe('')
  })
})

describe('the report', () => {
  test('of a right call says so, with the row, the mail, the waits and how to see it again', () => {
    const shown = open()
    shown.report(report(auditedCall()))
    expect(shown.written()).toContain(`✔ passed: all ${rules.length} rules hold`)
    const visit = 'booked  Check-up with Dr. Okafor for Dana Reyes, Thu 16 Nov 2023, 09:00 (UTC)'
    for (const text of ['call_status', visit, 'b@clinic.example', '480 ms', 'seed 7 · again: bun sim call --seed 7'])
      expect(shown.written()).toContain(text)
  })

  test('has what is typed for the same call on one line, however long, so that it can be copied', () => {
    const shown = open({ columns: 60 })
    const repeat = `bun sim call --seed 7 ${"--say 'One thing more' ".repeat(10)}--target http://127.0.0.1:3000`
    shown.report({ ...report(auditedCall()), repeat })
    expect(shown.written()).toContain(`seed 7 · again: ${repeat}\n`)
  })

  test('of a wrong call names each broken rule, with the reason and the numbers', () => {
    const call = auditedCall()
    item(call, 'item_B').truncatedAtMs = 3_000
    const shown = open()
    shown.report(report(call))
    expect(shown.written()).toContain('✘ the model is told what was heard')
    expect(shown.written()).toContain('item_B was truncated at 3000 ms, but 1200 ms of it were heard')
    expect(shown.written()).toContain('toldMs: 3000')
    expect(shown.written()).toContain(`✘ failed: 1 of ${rules.length} rules do not hold`)
  })

  test('of a call with a real model gives its score, and the transcript that no wire of ours told', () => {
    const call = auditedCall()
    const met = { expectation: 'a', findings: [] }
    const shown = open()
    shown.report({ ...report(call), grades: [met, { expectation: 'b', findings: [{ explanation: 'no' }] }] })
    expect(shown.written()).toContain('1 of 2 graded expectations are met')
    expect(shown.written()).toContain('Caller: Please renew my inhaler.')
  })

  test('of a call to a server elsewhere does without the database', () => {
    const shown = open()
    shown.report(report({ ...auditedCall(), server: null as never }))
    expect(shown.written()).toContain('the server is not ours')
  })
})

describe('the terminal', () => {
  test.each([40, 80, 100, 200])('of %p columns is never overrun, nor anything wider than 110 made', (columns) => {
    const shown = open({ columns, isTTY: true })
    for (const each of bargeIn) shown.entry(each)
    shown.entry(entry(0, 'call', 'caller', 'carrier', 'say', { words: 'word '.repeat(60) }))
    const call = auditedCall()
    call.session.violations.push('x'.repeat(300))
    shown.report(report(call))
    const plain = Bun.stripANSI(shown.written()).split('\n')
    for (const line of plain) expect(line.length).toBeLessThanOrEqual(Math.max(60, Math.min(columns, 110)))
  })

  test('gets colours only if it is one, and they are not unwanted', () => {
    const isColoured = (screen: Partial<Screen>, environment: Record<string, string>) => {
      const shown = open(screen, environment)
      for (const each of bargeIn) shown.entry(each)
      shown.report(report(auditedCall()))
      return shown.written().includes(ESCAPE)
    }
    expect(isColoured({ isTTY: true }, {})).toBeTrue()
    expect(isColoured({ isTTY: true }, { NO_COLOR: '1' })).toBeFalse()
    expect(isColoured({ isTTY: true }, { TERM: 'dumb' })).toBeFalse()
    expect(isColoured({}, {})).toBeFalse()
  })

  test('shows progress in one line that the next thing said replaces; a file gets a line a step', () => {
    const terminal = open({ isTTY: true }, { NO_COLOR: '1' })
    terminal.progress('starting Postgres')
    terminal.progress('starting the server')
    terminal.say('Ready.')
    const wipe = `\r${ESCAPE}[K`
    expect(terminal.written()).toBe(`${wipe}… starting Postgres${wipe}… starting the server${wipe}Ready.\n`)
    const file = open()
    file.progress('starting Postgres')
    file.say('Ready.')
    expect(file.written()).toBe('… starting Postgres\nReady.\n')
  })

  test('text is wrapped without losing a letter', () =>
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z ]*$/), fc.integer({ min: 1, max: 30 }), (text, width) => {
        const lines = wrapped(text, width)
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''))
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
      }),
    ))
})
