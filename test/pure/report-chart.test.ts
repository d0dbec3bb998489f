// What the page of a call makes of the evidence before it is drawn: who was heard when, what was not, and every request with
// its number and delay.
import { describe, expect, test } from 'bun:test'
import { joined } from '../../sim/audit/case.ts'
import { chartOf } from '../../sim/report/chart.ts'
import { at } from '../support/audited-call.ts'
import { item, utterance } from '../support/audited-parts.ts'
import { putThrough } from '../support/broken-people.ts'
import { reportedCall } from '../support/reported-call.ts'

describe('the chart of a call', () => {
  test('gives every byte sent to the caller to one of two: heard, or not heard', () => {
    const { evidence, ...rest } = reportedCall()
    const { voices } = chartOf({ evidence, ...rest })
    const { received, played, cleared } = joined(evidence.carrier.streams)
    const bytesOf = (runs: { bytes: Uint8Array }[]) => runs.reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(bytesOf(voices.heard)).toBe(played.reduce((sum, { fromByte, toByte }) => sum + toByte - fromByte, 0))
    expect(bytesOf(voices.unheard)).toBe(cleared.reduce((sum, { fromByte, toByte }) => sum + toByte - fromByte, 0))
    expect(bytesOf([...voices.heard, ...voices.unheard])).toBe(received.length)
  })

  test('shows as unheard, too, what the end of the call cut off', () => {
    const { voices } = chartOf(
      reportedCall(({ stream }) => {
        const last = stream.played.at(-1)
        if (last !== undefined) last.toByte -= 4_000
      }),
    )
    expect(voices.unheard.map(({ fromMs, bytes }) => [fromMs - at(0), bytes.length])).toEqual([
      [6_200, 14_400],
      [8_700, 4_000],
    ])
  })

  test('lays each turn where it was heard, and parts the agent’s words at the cut', () => {
    const { turns } = chartOf(reportedCall())
    expect(
      turns.map(({ speaker, fromMs, toMs, text, unheard }) => [speaker, fromMs - at(0), toMs - at(0), text, unheard]),
    ).toEqual([
      ['agent', 500, 2_100, 'Hello, how can I help?', ''],
      ['caller', 3_000, 4_000, 'Please renew my inhaler.', ''],
      ['agent', 5_000, 6_200, 'I will pass that on', ' and they will call back.'],
      ['caller', 6_000, 6_800, 'Thanks, bye.', ''],
      ['agent', 7_600, 8_600, 'Goodbye.', ''],
    ])
  })

  test('tells two turns apart that sounded without a pause', () => {
    const { turns } = chartOf(
      reportedCall(({ stream }) => {
        stream.played.splice(0, 2, { atMs: at(500), fromByte: 0, toByte: 22_400 })
      }),
    )
    const own = turns
      .filter(({ speaker }) => speaker === 'agent')
      .map(({ fromMs, toMs }) => [fromMs - at(0), toMs - at(0)])
    expect(own).toEqual([
      [500, 2_100],
      [2_100, 3_300],
      [7_600, 8_600],
    ])
  })

  test('parts them by the share of the sound where the transcript is silent', () => {
    const { turns } = chartOf(reportedCall(({ server }) => void server.events.splice(0)))
    expect(turns[2]).toMatchObject({ text: 'I will pass that', unheard: 'on and they will call back.' })
  })

  test('says when the caller was understood as something else', () => {
    const { turns } = chartOf(reportedCall((call) => Object.assign(item(call, 'item_U2'), { text: 'Thanks, by.' })))
    expect(turns.map(({ understood }) => understood)).toEqual([null, null, null, 'Thanks, by.', null])
  })

  test('has the agent’s words even where its sound cannot be found in what the caller was sent', () => {
    const call = reportedCall((broken) => {
      broken.stream.received = Buffer.from(broken.stream.received.map((byte) => byte ^ 1))
      Object.assign(utterance(broken, 'item_B').fact, { text: 'Something else' })
    })
    const own = chartOf(call).turns.filter(({ speaker }) => speaker === 'agent')
    expect(own.map(({ text }) => text)).toEqual([
      'Hello, how can I help?',
      'I will pass that on and they will call back.',
      'Goodbye.',
    ])
  })

  test('tells of a cut what was heard, what was not, what the model was told, and how long silence took', () => {
    const { voices } = chartOf(reportedCall())
    expect(voices.cuts).toEqual([
      { atMs: at(6_200), itemId: 'item_B', heardMs: 1_200, unheardMs: 1_800, toldMs: 1_200, reactionMs: 200 },
    ])
  })

  test('tells marks by what became of them', () => {
    const { voices } = chartOf(
      reportedCall(({ stream }) => Object.assign(stream.marks[0] ?? {}, { returnedAtMs: null })),
    )
    const count = (fate: string) =>
      voices.marks.filter((group) => group.fate === fate).reduce((sum, group) => sum + group.count, 0)
    expect([count('heard'), count('cleared'), count('lost')]).toEqual([18, 9, 1])
  })

  test('finds where sound was missing, of the caller and in the middle of the agent’s words', () => {
    const { voices } = chartOf(
      reportedCall(({ stream }) => {
        stream.sent.splice(100, 5)
        const [greeting] = stream.played
        if (greeting === undefined) return
        stream.played.splice(
          0,
          1,
          { ...greeting, toByte: 4_000 },
          { atMs: greeting.atMs + 800, fromByte: 4_000, toByte: 12_800 },
        )
      }),
    )
    expect(voices.holes.map(({ whose, fromMs, toMs }) => [whose, fromMs - at(0), toMs - at(0)])).toEqual([
      ['caller', 2_100, 2_200],
      ['agent', 1_000, 1_300],
    ])
  })

  test('tells a callback’s sequence number and delay, and that it came again, or was refused', () => {
    const form = { CallStatus: 'completed', SequenceNumber: '0', CallSid: '' }
    const sent = { causedAtMs: at(8_700), url: 'https://frontdesk.example/api/twilio/status', form, tookMs: 0 }
    const { happenings } = chartOf(
      reportedCall(({ carrier }) => {
        carrier.deliveries = [
          { ...sent, atMs: at(8_800), status: 204 },
          { ...sent, atMs: at(48_800), status: 500 },
        ]
      }),
    )
    const told = happenings.filter(({ kind }) => kind === 'callback')
    expect(told.map(({ label, isBad }) => [label, isBad])).toEqual([
      ['status completed', false],
      ['status completed', true],
    ])
    expect(told.map(({ notes }) => notes)).toEqual([
      [
        { text: '#0', size: null },
        { text: '+100 ms', size: 'fine' },
      ],
      [
        { text: '#0', size: null },
        { text: '+40.1 s', size: 'long' },
        { text: 'again', size: 'noticeable' },
        { text: '500', size: 'long' },
      ],
    ])
    expect(told[0]?.body).not.toContain('CallSid')
  })

  test('tells what a model refused, was told was heard, thought and wrote', () => {
    const { happenings } = chartOf(
      reportedCall(({ model }, entries) => {
        const realtime = { wire: 'realtime', from: 'server', to: 'model' } as const
        const truncated = { item_id: 'item_B', audio_end_ms: 1_200 }
        entries.push({ ...realtime, atMs: 15, what: 'handshake 503' })
        entries.push({ ...realtime, atMs: 6_205, what: 'conversation.item.truncate', body: truncated })
        const asked = { instructions: '', input: '' }
        const broken = ['A tool was asked for that was never offered']
        model.thoughts.push({
          ...asked,
          atMs: at(6_500),
          answeredAtMs: at(7_400),
          model: 'big',
          tools: [],
          output: 'So',
          status: 200,
          violations: [],
        })
        model.thoughts.push({
          ...asked,
          atMs: at(7_400),
          answeredAtMs: null,
          model: 'big',
          tools: [],
          output: '',
          status: null,
          violations: broken,
        })
        model.writings.push({ ...asked, atMs: at(8_900), model: 'small', output: '{}', status: 500 })
      }),
    )
    const told = happenings.filter(({ lane, kind }) => lane === 'model' && kind !== 'tool')
    expect(told.map(({ label, notes, isBad }) => [label, ...notes.map(({ text }) => text), isBad])).toEqual([
      ['handshake refused: 503', true],
      ['truncated at 1.2 s', false],
      ['supervisor, big', 'in 900 ms', false],
      ['supervisor, big', 'no answer', true],
      ['analysis by small', '500', true],
    ])
    expect(told[3]?.body).toContain('A tool was asked for')
  })

  test('tells of a tool call its values, its answer and how long that took; and of REST what was refused', () => {
    const { happenings } = chartOf(reportedCall())
    const [tool] = happenings.filter(({ kind }) => kind === 'tool')
    expect(tool).toMatchObject({ atMs: at(4_700), label: 'take_message()', notes: [{ text: 'in 50 ms' }] })
    expect(tool?.body).toBe('caller_name: Dana\n→ taken: true')
    const rest = happenings.filter(({ kind }) => kind === 'rest').map(({ label, isBad }) => [label, isBad])
    expect(rest).toEqual([
      ['POST Recordings.json', false],
      ['REST answers 404', true],
    ])
  })

  test('shows a person to whom the caller was put through: their voice, words, telephone, and requests', () => {
    const { voices, turns, happenings } = chartOf(
      reportedCall((call, entries) => {
        putThrough(call)
        const [leg] = call.carrier.legs
        if (leg === undefined) return
        const form = { CallStatus: 'ringing', SequenceNumber: '1' }
        const answer = { status: 204, tookMs: 0 }
        Object.assign(leg, {
          documents: [
            { atMs: at(1_400), url: 'https://frontdesk.example/api/twilio/screen', status: 200, body: '', tookMs: 2 },
          ],
          deliveries: [
            { ...answer, causedAtMs: at(1_100), atMs: at(1_150), url: 'https://frontdesk.example/leg', form },
          ],
        })
        const number = '+15550109999'
        const of = { wire: 'call', from: 'carrier', to: 'person' } as const
        const by = { wire: 'call', from: 'person', to: 'carrier' } as const
        entries.push({ ...of, atMs: 1_005, what: 'ringing', body: { number } })
        entries.push({ ...by, atMs: 2_005, what: 'say', body: { number, words: 'Okafor speaking.' } })
        entries.push({ ...by, atMs: 2_305, what: 'said', body: { number } })
        entries.push({ ...of, atMs: 2_405, what: 'ended', body: { number, status: 'completed' } })
      }),
    )
    expect(voices.person.map(({ fromMs, toMs }) => [fromMs - at(0), toMs - at(0)])).toEqual([[2_000, 2_380]])
    const own = turns.filter(({ speaker }) => speaker === 'person')
    expect(own).toMatchObject([{ fromMs: at(2_000), toMs: at(2_300), text: 'Okafor speaking.', understood: null }])
    const told = happenings.filter(({ route }) => route === 'Person').map(({ label }) => label)
    expect(told).toEqual(['rings: the telephone of +15550109999', '+15550109999 is off the line'])
    const asked = happenings.filter(({ lane, atMs }) => lane === 'carrier' && atMs > at(1_000) && atMs < at(2_000))
    expect(asked.map(({ label }) => label)).toEqual(['leg ringing', 'screen'])
  })
})
