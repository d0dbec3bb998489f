// `<Dial>` with numbers, on the virtual clock: every outcome, screening, who hears whom, hang-ups, redirects and recordings.
import { describe, expect, test } from 'bun:test'
import type { CarrierRecord } from '../../sim/record.ts'
import type { CallerStep, Person } from '../../sim/script.ts'
import { channelsOf, createVirtualRig, FROM, HOST, hangUpAfter, NUMBER, type Page, rest, tone } from './carrier-rig.ts'

const PERSON = '+15550109999'
const OTHER = '+15550108888'

const say = (on: 'answered' | 'connected', audio: Uint8Array, waitMs = 0): CallerStep => ({
  on,
  waitMs,
  act: 'say',
  words: '…',
  audio,
})
const hangUp = (on: 'answered' | 'connected' | 'waiting' | 'returned' | 'said', waitMs = 0): CallerStep => ({
  on,
  waitMs,
  act: 'hang-up',
})
const press = (digits: string, waitMs: number): CallerStep => ({ on: 'answered', waitMs, act: 'press', digits })
const person = (answers: Person['answers'], does: CallerStep[] = [], number = PERSON): Person => ({
  number,
  answers,
  does,
})

const CONTINUE: Record<string, Page> = { '/dialled': '<Say>Back again</Say>', '/screen': '<Say>A call for you</Say>' }

/** A call to the document, to its end. */
async function dial(
  voice: string,
  caller: CallerStep[],
  people: Person[],
  pages: Record<string, Page> = {},
  during: (rig: ReturnType<typeof createVirtualRig>, call: { callSid: string; hangUp(): void }) => void = () => {},
) {
  const rig = createVirtualRig({ ...CONTINUE, ...pages, '/voice': voice }, { people })
  const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller })
  during(rig, call)
  const record = await rig.clock.run(call.done)
  return { ...rig, call, record, action: rig.server.of('/dialled')[0]?.form, legs: record.legs }
}
const withAction = (inside: string, attributes = '') => `<Dial action="/dialled" ${attributes}>${inside}</Dial>`
const NUMBER_NOUN = `<Number>${PERSON}</Number>`
const SCREENED = `<Number url="/screen">${PERSON}</Number>`

const statusOf = ({ status, endedBy }: CarrierRecord) => [status, endedBy]
const bytesOf = (frames: { bytes: Uint8Array }[]) => Buffer.concat(frames.map(({ bytes }) => bytes))

describe('what the action is told', () => {
  const table: [what: string, answers: Person['answers'], attributes: string, status: string, bridged: string][] = [
    ['the person hangs up', { afterMs: 2000 }, '', 'completed', 'true'],
    ['busy', 'busy', '', 'busy', 'false'],
    ['out of reach', 'unreachable', '', 'failed', 'false'],
    ['nobody answers', 'never', 'timeout="7"', 'no-answer', 'false'],
    ['answered after the timeout', { afterMs: 8000 }, 'timeout="7"', 'no-answer', 'false'],
  ]
  test.each(table)('%s', async (_, answers, attributes, DialCallStatus, DialBridged) => {
    const people = [person(answers, [hangUp('connected', 3000)])]
    const { action, legs, record } = await dial(withAction(NUMBER_NOUN, attributes), [], people)
    expect(legs).toMatchObject([{ direction: 'outbound-dial', to: PERSON, from: FROM, status: DialCallStatus }])
    expect(action).toMatchObject({
      DialCallStatus,
      DialBridged,
      DialCallSid: legs[0]?.callSid ?? '',
      CallStatus: 'in-progress',
    })
    expect(action?.DialCallDuration).toBe(DialBridged === 'true' ? '3' : '0')
    expect(action).not.toHaveProperty('RecordingUrl')
    expect(record.said).toMatchObject([{ text: 'Back again' }])
  })

  test('without an action the next verb follows, whatever became of it', async () => {
    for (const answers of [{ afterMs: 1000 }, 'busy'] as const) {
      const voice = `<Dial>${PERSON}</Dial><Say>Next</Say>`
      const { record, action } = await dial(voice, [], [person(answers, [hangUp('connected', 500)])])
      expect(record.said).toMatchObject([{ text: 'Next' }])
      expect(action).toBeUndefined()
    }
  })

  test('the default timeout is thirty seconds of ringing', async () => {
    const { legs } = await dial(withAction(NUMBER_NOUN), [], [person('never')])
    expect((legs[0]?.endedAtMs ?? 0) - (legs[0]?.ringingAtMs ?? 0)).toBe(30_500)
  })

  test('timeLimit ends the connection, counted from its beginning', async () => {
    const { action, legs, record } = await dial(
      withAction(NUMBER_NOUN, 'timeLimit="5"'),
      [],
      [person({ afterMs: 1000 })],
    )
    const bridge = record.bridges[0]
    expect((bridge?.leftAtMs ?? 0) - (bridge?.joinedAtMs ?? 0)).toBe(5000)
    expect(legs.map(statusOf)).toEqual([['completed', 'carrier']])
    expect(action).toMatchObject({ DialCallStatus: 'completed', DialBridged: 'true' })
  })
})

describe('screening', () => {
  test('the document is read to whoever answers, and both hear each other only afterwards', async () => {
    const { server, legs, record } = await dial(
      withAction(SCREENED),
      [],
      [person({ afterMs: 1000 }, [hangUp('connected', 500)])],
    )
    const [leg] = legs
    expect(server.of('/screen')[0]?.form).toMatchObject({
      CallSid: leg?.callSid ?? '',
      ParentCallSid: record.callSid,
      Direction: 'outbound-dial',
      CallStatus: 'in-progress',
      From: FROM,
      To: PERSON,
    })
    expect(leg?.said).toMatchObject([{ text: 'A call for you' }])
    const saidMs = 4 * 400 + 600
    expect((leg?.bridges[0]?.joinedAtMs ?? 0) - (leg?.answeredAtMs ?? 0)).toBe(saidMs)
    expect(record.bridges[0]?.joinedAtMs).toBe(leg?.bridges[0]?.joinedAtMs)
    expect(record.said).toMatchObject([{ text: 'Back again' }])
  })

  const asking = {
    '/screen': '<Gather numDigits="1" timeout="3" action="/accepted"><Say>Press 1</Say></Gather><Hangup/>',
  }
  const accepted: Page = ({ form }) => (form.Digits === '1' ? '' : '<Hangup/>')

  test('a person who presses 1 is connected', async () => {
    const people = [person({ afterMs: 1000 }, [press('1', 500), hangUp('connected', 900)])]
    const { action, legs, server } = await dial(withAction(SCREENED), [], people, { ...asking, '/accepted': accepted })
    expect(server.of('/accepted')[0]?.form).toMatchObject({ Digits: '1', ParentCallSid: expect.stringMatching(/^CA/) })
    expect(legs[0]).toMatchObject({ gathered: [{ digits: '1', endedBy: 'count' }], bridges: [{ kind: 'dial' }] })
    expect(action).toMatchObject({ DialCallStatus: 'completed', DialBridged: 'true' })
  })

  test.each([
    ['presses another key', [press('2', 500)]],
    ['presses nothing', []],
    ['hangs up', [hangUpAfter(700)]],
  ])('a person who %s is not: completed, but not bridged', async (_, does) => {
    const people = [person({ afterMs: 1000 }, does)]
    const { action, legs, record } = await dial(withAction(SCREENED), [], people, { ...asking, '/accepted': accepted })
    expect(action).toMatchObject({ DialCallStatus: 'completed', DialBridged: 'false' })
    expect(legs[0]).toMatchObject({ status: 'completed', bridges: [] })
    expect(record.bridges).toEqual([])
  })
})

describe('who hears whom', () => {
  test('both hear each other, byte for byte and in order, from the connection on', async () => {
    const [callers, persons] = [tone(800), tone(1200).map((byte) => byte ^ 0x10)]
    const caller = [say('answered', tone(400)), say('connected', callers, 300), hangUp('said', 500)]
    const people = [person({ afterMs: 1500 }, [say('connected', persons, 100)])]
    const { record, legs } = await dial(withAction(SCREENED), caller, people)
    const [mine, theirs] = [record.bridges[0], legs[0]?.bridges[0]]
    expect(mine).toMatchObject({ kind: 'dial', bridgeSid: legs[0]?.callSid ?? '' })
    expect(theirs?.bridgeSid).toBe(mine?.bridgeSid ?? '')
    for (const [said, heard] of [
      [mine?.said, theirs?.heard],
      [theirs?.said, mine?.heard],
    ]) {
      const [spoken, listened] = [bytesOf(said ?? []), bytesOf(heard ?? [])]
      expect(listened.equals(spoken.subarray(0, listened.length))).toBe(true)
      // No more is lost than what was under way when the line went dead.
      expect(spoken.length - listened.length).toBeLessThanOrEqual(2 * 160)
    }
    expect(bytesOf(mine?.heard ?? []).includes(Buffer.from(persons))).toBe(true)
    expect(bytesOf(theirs?.heard ?? []).includes(Buffer.from(callers))).toBe(true)
  })

  test('a caller notices: waiting, then connected, then the agent again', async () => {
    const listen = (on: 'waiting' | 'connected'): CallerStep => ({ on, waitMs: 0, act: 'listen' })
    const caller = [listen('waiting'), listen('connected'), hangUp('returned', 100)]
    const people = [person({ afterMs: 1500 }, [hangUp('connected', 1000)])]
    const voice = withAction(NUMBER_NOUN)
    const { record } = await dial(voice, caller, people, { '/dialled': '<Pause length="30"/>' })
    const left = record.bridges[0]?.leftAtMs ?? 0
    expect(record).toMatchObject({ endedBy: 'caller' })
    expect((record.endedAtMs ?? 0) - left).toBeLessThan(300)
  })
})

describe('when the caller leaves', () => {
  test('while it rings: it stops ringing, and the action hears of it in vain', async () => {
    const { record, legs, action } = await dial(withAction(NUMBER_NOUN), [hangUp('waiting', 3000)], [person('never')])
    expect(record).toMatchObject({ status: 'completed', endedBy: 'caller', said: [] })
    expect(legs.map(statusOf)).toEqual([['canceled', 'caller']])
    expect(legs[0]?.endedAtMs).toBe(record.endedAtMs)
    expect(action).toMatchObject({ DialCallStatus: 'canceled', DialBridged: 'false', CallStatus: 'completed' })
  })

  test('while the person hears the screening, and while both talk: the person’s line goes dead', async () => {
    for (const [does, bridged] of [
      [[hangUp('waiting', 2000)], 'false'],
      [[hangUp('connected', 2000)], 'true'],
    ] as const) {
      const { legs, action, record } = await dial(withAction(SCREENED), [...does], [person({ afterMs: 1000 })])
      expect(legs.map(statusOf)).toEqual([['completed', 'caller']])
      expect(legs[0]?.endedAtMs).toBe(record.endedAtMs)
      expect(action).toMatchObject({ DialCallStatus: 'completed', DialBridged: bridged })
    }
  })

  test('hangupOnStar: a star ends the connection and not the call', async () => {
    const caller: CallerStep[] = [{ on: 'connected', waitMs: 500, act: 'press', digits: '*' }]
    const { record, legs } = await dial(withAction(NUMBER_NOUN, 'hangupOnStar="true"'), caller, [
      person({ afterMs: 1000 }),
    ])
    expect(legs.map(statusOf)).toEqual([['completed', 'caller']])
    expect(record.said).toMatchObject([{ text: 'Back again' }])
  })
})

describe('by REST', () => {
  test('a redirect drops the leg, asks the action in vain, and then the new URL, which takes over', async () => {
    for (const answers of [{ afterMs: 1000 }, 'never'] as const) {
      let atMs = 0
      const { record, server, legs, action } = await dial(
        withAction(NUMBER_NOUN),
        [],
        [person(answers)],
        { '/new': '<Say>Elsewhere</Say>' },
        (rig, { callSid }) =>
          rig.clock.after(4000, () => {
            atMs = rig.clock.now()
            void rest(rig, `/Calls/${callSid}.json`, { Url: `https://${HOST}/new` })
          }),
      )
      expect(server.asked.map(({ path }) => path)).toEqual(['/voice', '/dialled', '/new', '/status'])
      expect(record.said).toMatchObject([{ text: 'Elsewhere' }])
      expect(legs.map(statusOf)).toEqual([[answers === 'never' ? 'canceled' : 'completed', 'server']])
      expect((legs[0]?.endedAtMs ?? 0) - atMs).toBe(166)
      expect((server.of('/dialled')[0]?.atMs ?? 0) - atMs).toBe(320)
      expect(action).toMatchObject({ DialCallStatus: answers === 'never' ? 'canceled' : 'completed' })
    }
  })

  test('a caller who hangs up while the redirect is under way is gone at once', async () => {
    const { record, legs, server } = await dial(withAction(NUMBER_NOUN), [], [person('never')], {}, (rig, call) => {
      rig.clock.after(4000, () => void rest(rig, `/Calls/${call.callSid}.json`, { Url: `https://${HOST}/new` }))
      rig.clock.after(4100, call.hangUp)
    })
    expect(record).toMatchObject({ endedBy: 'caller' })
    expect(legs[0]?.endedAtMs).toBe(record.endedAtMs)
    expect(server.of('/new')).toEqual([])
  })

  test('the person’s leg can be ended, and can be taken elsewhere', async () => {
    const onLeg = (form: Record<string, string>) => async (rig: ReturnType<typeof createVirtualRig>) => {
      rig.clock.after(4000, () => {
        void rest(rig, '/Calls.json').then(({ json }) => {
          const [leg] = json.calls as { sid: string; parent_call_sid: string | null }[]
          expect(leg?.parent_call_sid).toMatch(/^CA/)
          void rest(rig, `/Calls/${leg?.sid}.json`, form)
        })
      })
    }
    const ended = await dial(
      withAction(NUMBER_NOUN),
      [],
      [person({ afterMs: 1000 })],
      {},
      onLeg({ Status: 'completed' }),
    )
    expect(ended.legs.map(statusOf)).toEqual([['completed', 'server']])
    expect(ended.record.said).toMatchObject([{ text: 'Back again' }])
    const Url = `https://${HOST}/new`
    const pages = { '/new': '<Say>Only you</Say><Pause length="9"/>' }
    const moved = await dial(withAction(NUMBER_NOUN), [], [person({ afterMs: 1000 })], pages, onLeg({ Url }))
    expect(moved.legs[0]?.said).toMatchObject([{ text: 'Only you' }])
    expect(moved.action).toMatchObject({ DialCallStatus: 'completed', DialBridged: 'true' })
    expect(moved.legs[0]?.endedAtMs ?? 0).toBeGreaterThan(moved.record.endedAtMs ?? 0)
  })
})

describe('answerOnBridge', () => {
  const voice = withAction(NUMBER_NOUN, 'answerOnBridge="true"')

  test('a call that nobody has answered goes on ringing until both hear each other', async () => {
    const { record, legs } = await dial(voice, [], [person({ afterMs: 3000 }, [hangUp('connected', 500)])])
    expect(record.answeredAtMs).toBe(legs[0]?.bridges[0]?.joinedAtMs ?? 0)
    expect(legs[0]?.answeredAtMs).toBe(record.answeredAtMs)
  })

  test('a caller who gives up meanwhile has canceled both', async () => {
    const { record, legs } = await dial(voice, [], [person('never')], {}, (rig, call) =>
      rig.clock.after(3000, call.hangUp),
    )
    expect(statusOf(record)).toEqual(['canceled', 'caller'])
    expect(legs.map(statusOf)).toEqual([['canceled', 'caller']])
  })

  test('nobody answers and nothing follows: the call was never answered', async () => {
    const { record } = await dial(`<Dial answerOnBridge="true">${PERSON}</Dial>`, [], [person('busy')])
    expect(record).toMatchObject({ status: 'no-answer', answeredAtMs: null })
  })

  test('without it the call is answered at once', async () => {
    const { record, legs } = await dial(withAction(NUMBER_NOUN), [], [person('busy')])
    expect(record.answeredAtMs).toBe(legs[0]?.ringingAtMs ?? 0)
  })
})

describe('several numbers', () => {
  const both = `<Number>${PERSON}</Number><Number>${OTHER}</Number>`
  const answersThen = (afterMs: number, number: string) => person({ afterMs }, [hangUp('connected', 500)], number)

  test('ring at once; the first to answer has the call, and the other stops ringing', async () => {
    const { legs, action } = await dial(withAction(both), [], [answersThen(4000, PERSON), answersThen(2000, OTHER)])
    expect(legs.map(statusOf)).toEqual([
      ['canceled', 'carrier'],
      ['completed', 'person'],
    ])
    expect(action).toMatchObject({ DialCallSid: legs[1]?.callSid ?? '', DialBridged: 'true' })
  })

  test('one after the other where they are to be', async () => {
    const people = [person('busy'), answersThen(2000, OTHER)]
    const { legs, action } = await dial(withAction(both, 'sequential="true"'), [], people)
    expect(legs.map(({ status }) => status)).toEqual(['busy', 'completed'])
    expect(legs[1]?.ringingAtMs).toBe(legs[0]?.endedAtMs ?? 0)
    expect(action).toMatchObject({ DialBridged: 'true' })
    const first = await dial(
      withAction(both, 'sequential="true"'),
      [],
      [answersThen(1000, PERSON), person('never', [], OTHER)],
    )
    expect(first.legs).toHaveLength(1)
  })

  test('nobody answers: the action hears of the last to give up', async () => {
    const { action, legs } = await dial(
      withAction(both, 'timeout="9"'),
      [],
      [person('never'), person('busy', [], OTHER)],
    )
    expect(action).toMatchObject({ DialCallStatus: 'no-answer', DialCallSid: legs[0]?.callSid ?? '' })
  })
})

describe('the person’s leg', () => {
  const progress = `<Number statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed">${PERSON}</Number>`

  test('tells its steps, with events parted by spaces', async () => {
    const { server, record } = await dial(
      withAction(progress),
      [],
      [person({ afterMs: 1000 }, [hangUp('connected', 2000)])],
    )
    const told = server.of('/leg').map(({ form }) => form)
    expect(told.map(({ CallStatus, SequenceNumber }) => [CallStatus, SequenceNumber])).toEqual([
      ['initiated', '0'],
      ['ringing', '1'],
      ['in-progress', '2'],
      ['completed', '3'],
    ])
    for (const form of told)
      expect(form).toMatchObject({ ParentCallSid: record.callSid, Direction: 'outbound-dial', To: PERSON, From: FROM })
    expect(told[3]).toMatchObject({ CallDuration: '2', SipResponseCode: '200' })
  })

  test('shows the callerId, if it is a number of the account; else 13214, and nobody is rung', async () => {
    const people = [person({ afterMs: 1000 }, [hangUp('connected', 500)])]
    const own = await dial(withAction(NUMBER_NOUN, `callerId="${NUMBER.phoneNumber}"`), [], people)
    expect(own.legs).toMatchObject([{ from: NUMBER.phoneNumber }])
    const strange = await dial(withAction(NUMBER_NOUN, 'callerId="+15550100000"'), [], people)
    expect(strange.record.problems).toMatchObject([{ code: 13214 }])
    expect(strange.legs).toEqual([])
    expect(strange.action).toMatchObject({ DialCallStatus: 'failed', DialBridged: 'false' })
  })
})

test('record-from-answer-dual keeps the caller left and the person right, and the action names the file', async () => {
  const [callers, persons] = [tone(600), tone(900)]
  const caller = [say('connected', callers)]
  const people = [person({ afterMs: 1000 }, [say('connected', persons, 1000), hangUp('said', 500)])]
  const attributes = 'record="record-from-answer-dual" recordingStatusCallback="/recording"'
  const { record, action, server } = await dial(withAction(NUMBER_NOUN, attributes), caller, people)
  const [recording] = record.recordings
  const talkedMs = (record.bridges[0]?.leftAtMs ?? 0) - (record.bridges[0]?.joinedAtMs ?? 0)
  expect(recording).toMatchObject({ source: 'DialVerb', channels: 2, status: 'completed', durationMs: talkedMs })
  expect(action?.RecordingUrl).toEndWith(`/Recordings/${recording?.recordingSid}`)
  expect(server.of('/recording')[0]?.form).toMatchObject({ RecordingSource: 'DialVerb', RecordingChannels: '2' })
  const [left, right] = channelsOf(recording?.media ?? new Uint8Array())
  expect(Buffer.from(left ?? []).includes(Buffer.from(callers))).toBe(true)
  expect(Buffer.from(right ?? []).includes(Buffer.from(persons))).toBe(true)
})

test('the same seed gives the same trace, people and all', async () => {
  const run = async () => {
    const people = [person({ afterMs: 1500 }, [say('connected', tone(300)), hangUp('said')])]
    return (await dial(withAction(SCREENED), [], people)).trace.entries
  }
  expect(await run()).toEqual(await run())
})
