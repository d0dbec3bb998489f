// What the summary mail says, for every kind of call: from the set of its events to the words in the mail.
import { describe, expect, test } from 'bun:test'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { summaryLimits } from '../../src/notifications/view.ts'
import { callFacts, materialOf, sampleAnalysis, utterance, viewOf, wholeCall, words } from '../support/call-summary.ts'

const without = (...kinds: ConversationFact['kind'][]) => wholeCall.filter(({ kind }) => !kinds.includes(kind))
const detail = (view: ReturnType<typeof viewOf>, term: string) => view.details.find((one) => one.term === term)?.fact
const analysed = (changes: Partial<typeof sampleAnalysis>): ConversationFact[] => [
  ...without('analysis.completed'),
  { kind: 'analysis.completed', analysis: { ...sampleAnalysis, ...changes } },
]

describe('a whole call', () => {
  test('is told in full', () => {
    const { turns: _, ...view } = viewOf(wholeCall)
    expect(view).toEqual({
      subject: 'Call summary: Lakeside Family Clinic · Tue 24 Nov, 10:14',
      preheader: 'One call, 1 min 42 s: what was said, and what is left to do.',
      clinicName: 'Lakeside Family Clinic',
      headline: 'Call from Maria Lopez',
      byline: 'Tuesday 24 November 2026, 10:14 EST · 1 min 42 s',
      badges: [
        { label: 'Soon', tone: 'note' },
        { label: 'Message taken', tone: 'note' },
      ],
      missing: [],
      summary: sampleAnalysis.summary,
      followUps: sampleAnalysis.followUps,
      messages: [
        {
          text: 'My daughter has an earache, could Dr. Chen call me back before noon?',
          about: 'From Maria Lopez · call back +15557654321 · for Dr. Chen',
          isUrgent: false,
        },
      ],
      details: [
        { term: 'Caller', fact: 'Maria Lopez' },
        { term: 'Number', fact: '+15557654321' },
        { term: 'Call back', fact: '+15557654321' },
        { term: 'Reason', fact: 'Daughter has an earache' },
        { term: 'Language', fact: 'English' },
        { term: 'Recording', fact: '1 min 40 s' },
      ],
      omitted: null,
    })
  })

  test('tells what the caller heard from what was cut off, with times from the beginning of the call', () => {
    expect(viewOf(wholeCall).turns).toEqual([
      {
        at: '0:01',
        speaker: 'agent',
        text: 'Lakeside Family Clinic, this call is recorded. How can I help you?',
        unheard: null,
      },
      {
        at: '0:06',
        speaker: 'caller',
        text: 'Hi, this is Maria Lopez. My daughter has had an earache since last night.',
        unheard: null,
      },
      {
        at: '0:13',
        speaker: 'agent',
        text: 'I’m sorry to hear that. I can take a message for',
        unheard: 'the doctor, or look for an appointment.',
      },
      { at: '0:16', speaker: 'caller', text: 'Could Dr. Chen call me back before noon?', unheard: null },
    ])
  })

  test('is the same in whatever order its events arrived', () => {
    const second: ConversationFact = { ...callFacts.message, toolCallId: 'call_2', message: 'And a second thing.' }
    const notes: ConversationFact[] = ['b', 'a'].map((text) => ({ kind: 'warning', about: text, text }))
    const facts = [...wholeCall, second, ...notes]
    const view = viewOf(facts)
    const keyed = materialOf(facts).events
    expect(viewOf(facts, { events: keyed.toReversed() })).toEqual(view)
  })
})

describe('urgency', () => {
  test.each([
    ['emergency', '[Emergency] ', 'alarm'],
    ['urgent', '[Urgent] ', 'warn'],
    ['soon', '', 'note'],
    ['routine', '', 'calm'],
  ] as const)('%s marks the subject with "%s"', (urgency, mark, tone) => {
    const view = viewOf(analysed({ urgency }))
    expect(view.subject).toBe(`${mark}Call summary: Lakeside Family Clinic · Tue 24 Nov, 10:14`)
    expect(view.badges[0]?.tone).toBe(tone)
  })

  test('a message that the caller called urgent is urgent, whatever the analysis says, and without any', () => {
    const urgent: ConversationFact = { ...callFacts.message, isUrgent: true }
    for (const facts of [
      [...analysed({ urgency: 'routine' }), urgent],
      [...without('analysis.completed', 'message.taken'), urgent],
    ]) {
      expect(viewOf(facts.filter((fact) => fact !== callFacts.message)).subject).toStartWith('[Urgent] ')
    }
    expect(viewOf([...analysed({ urgency: 'emergency' }), { ...urgent, toolCallId: 'call_2' }]).subject).toStartWith(
      '[Emergency] ',
    )
  })
})

describe('what is missing when the deadline passes', () => {
  test.each([
    ['the recording', without('recording.status'), 'The recording had not arrived.'],
    ['the words', without('transcript.settled'), 'Some of the words were still on their way.'],
    ['the analysis', without('analysis.completed'), 'The summary was not ready.'],
    ['the end', without('call.status'), 'The end of the call had not been reported.'],
  ] as const)('%s is named', (_, facts, line) => {
    expect(viewOf([...facts, callFacts.deadline]).missing).toEqual([line])
  })

  test('several are all named', () => {
    expect(
      viewOf([...without('analysis.completed', 'recording.status', 'recording.started'), callFacts.deadline]).missing,
    ).toEqual(['The recording had not arrived.', 'The summary was not ready.'])
  })

  test('an analysis that failed is told from one that is late', () => {
    const view = viewOf([...without('analysis.completed'), { kind: 'analysis.failed', reason: 'the model declined' }])
    expect(view.missing).toEqual(['The summary could not be made.'])
    expect(view.summary).toBe('There is no summary of this call; what was said is below.')
  })
})

describe('calls of other kinds', () => {
  test('a silent call says so', () => {
    const view = viewOf([
      ...without('analysis.completed', 'utterance', 'message.taken'),
      { kind: 'analysis.skipped', reason: 'x' },
    ])
    expect(view).toMatchObject({
      summary: 'The caller said nothing.',
      headline: 'Call from +15557654321',
      turns: [],
      messages: [],
      missing: [],
    })
  })

  test('a voicemail is told with its length', () => {
    const view = viewOf([
      callFacts.incoming,
      { kind: 'model.failed', reason: 'refused' },
      { kind: 'voicemail.offered' },
      { ...callFacts.recorded, isVoicemail: true },
      { ...callFacts.recording, durationMs: 12_400 },
      callFacts.completed,
      { kind: 'analysis.skipped', reason: 'x' },
    ])
    expect(view.summary).toBe('The caller left a voicemail (12 s).')
    expect(view.badges).toContainEqual({ label: 'Voicemail', tone: 'note' })
    expect(detail(view, 'Recording')).toBe('12 s')
  })

  test('a voicemail that was offered in vain is told, too', () => {
    const view = viewOf([
      callFacts.incoming,
      { kind: 'voicemail.offered' },
      { kind: 'voicemail.declined' },
      callFacts.completed,
    ])
    expect(view.summary).toBe('The caller was offered to leave a voicemail, and left none.')
  })

  test('a call that was never answered is marked', () => {
    const { conversation } = materialOf(wholeCall)
    const view = viewOf([callFacts.incoming, callFacts.completed], {
      conversation: { ...conversation, answeredAt: null },
    })
    expect(view.badges).toContainEqual({ label: 'Not answered', tone: 'warn' })
  })

  test.each([
    [null, 'a withheld number'],
    ['anonymous', 'a withheld number'],
    ['+15557654321', '+15557654321'],
  ])('a caller without a name is called by the number %p', (fromNumber, expected) => {
    const facts = without('analysis.completed', 'message.taken')
    const { conversation } = materialOf(facts)
    expect(viewOf(facts, { conversation: { ...conversation, fromNumber } }).headline).toBe(`Call from ${expected}`)
  })

  test.each([
    ['absent', 'Could not be made'],
    ['failed', 'Could not be made'],
    ['in-progress', 'Not arrived yet'],
  ] as const)('a recording that is %s', (status, text) => {
    expect(detail(viewOf([...without('recording.status'), { ...callFacts.recording, status }]), 'Recording')).toBe(text)
  })

  test('a call that was not to be recorded', () => {
    const facts = without('recording.status', 'recording.started', 'call.incoming')
    expect(detail(viewOf([...facts, { ...callFacts.incoming, wantsRecording: false }]), 'Recording')).toBe(
      'Not recorded',
    )
  })

  test.each([
    [null, 'length unknown'],
    [900, '1 s'],
    [59_400, '59 s'],
    [60_000, '1 min 0 s'],
    [3_700_000, '1 h 1 min'],
  ])('a duration of %p ms is "%s"', (durationMs, text) => {
    const { conversation } = materialOf(wholeCall)
    expect(viewOf(wholeCall, { conversation: { ...conversation, durationMs } }).byline).toEndWith(` · ${text}`)
  })

  test.each([
    ['America/Los_Angeles', 'Tue 24 Nov, 07:14'],
    ['Pacific/Auckland', 'Wed 25 Nov, 04:14'],
    ['Asia/Kolkata', 'Tue 24 Nov, 20:44'],
  ])('the hour is that of the clinic in %s', (timeZone, text) => {
    expect(viewOf(wholeCall, { clinic: { name: 'Clinic', timeZone } }).subject).toEndWith(text)
  })

  test('midnight is 00:00, not 24:00', () => {
    const { conversation } = materialOf(wholeCall)
    const startedAt = new Date(Date.UTC(2026, 10, 24, 5, 0))
    expect(viewOf(wholeCall, { conversation: { ...conversation, startedAt } }).subject).toEndWith('Tue 24 Nov, 00:00')
  })

  test.each([
    ['es', 'Spanish'],
    ['pt-BR', 'Brazilian Portuguese'],
    ['not a tag', 'not a tag'],
  ])('the language %p is shown as "%s"', (language, text) => {
    expect(detail(viewOf(analysed({ language })), 'Language')).toBe(text)
  })
})

describe('words from outside', () => {
  const hostile = 'See https://evil.example/login or www.evil.example now\u202e\u0000 please'

  test('no web address, control character or change of direction gets into the mail', () => {
    const view = viewOf([
      ...analysed({
        summary: hostile,
        reason: hostile,
        callerName: hostile,
        followUps: [hostile],
        callbackNumber: hostile,
      }),
      {
        ...callFacts.message,
        toolCallId: 'call_2',
        message: hostile,
        callerName: hostile,
        forWhom: hostile,
        callbackNumber: hostile,
      },
      { kind: 'warning', about: 'x', text: hostile },
      utterance('caller', hostile, 20_000),
      utterance('agent', hostile, 21_000, hostile),
    ])
    const all = JSON.stringify(view)
    expect(all).not.toMatch(/evil|https?:|www\.|\\u202e|\\u0000/)
    expect(all).toContain('See [link] or [link] now please')
  })

  test('subject and preheader hold nothing of the patient or the call’s words', () => {
    const { subject, preheader } = viewOf(wholeCall)
    for (const secret of ['Maria', 'Lopez', 'earache', '5557654321', 'Chen'])
      expect(subject + preheader).not.toContain(secret)
  })

  test('a clinic’s name cannot add a line to the subject', () => {
    expect(viewOf(wholeCall, { clinic: { name: 'A\r\nBcc: x@y.example', timeZone: 'UTC' } }).subject).not.toMatch(
      /[\r\n]/,
    )
  })
})

describe('long conversations', () => {
  const talk = (count: number, text: string) =>
    Array.from({ length: count }, (_, n) => utterance(n % 2 === 0 ? 'caller' : 'agent', `${n} ${text}`, n * 1000))

  test('keep both ends, and count what is left out of the middle', () => {
    const { turns, omitted } = viewOf([...without('utterance'), ...talk(1_000, 'some words that were said')])
    expect(omitted).not.toBeNull()
    expect(turns.length + (omitted?.count ?? 0)).toBe(1_000)
    expect(turns[0]?.text).toStartWith('0 ')
    expect(turns.at(-1)?.text).toStartWith('999 ')
    expect(turns[omitted?.after ?? 0]?.text).toStartWith(`${(omitted?.after ?? 0) + (omitted?.count ?? 0)} `)
  })

  test('a conversation that fits is not shortened', () => {
    const { turns, omitted } = viewOf([...without('utterance'), ...talk(40, 'short')])
    expect(turns).toHaveLength(40)
    expect(omitted).toBeNull()
  })

  test('more messages than are shown are counted', () => {
    const many = Array.from(
      { length: 6 },
      (_, n): ConversationFact => ({ ...callFacts.message, toolCallId: `call_${n}` }),
    )
    const view = viewOf([...without('message.taken'), ...many])
    expect(view.messages).toHaveLength(summaryLimits.messages)
    expect(detail(view, 'More messages')).toBe('6 in all')
  })

  test('the words of the sample call are all there', () => {
    expect(viewOf(wholeCall).turns).toHaveLength(words.length)
  })
})
