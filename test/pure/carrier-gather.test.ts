// `<Gather>` for keys and speech, on the virtual clock: what ends it, what the action is told, and when the document goes on.
import { describe, expect, test } from 'bun:test'
import type { CallerStep } from '../../sim/script.ts'
import { hangUpAfter, type Page, place, tone } from './carrier-rig.ts'

const press = (digits: string, waitMs: number): CallerStep => ({ on: 'answered', waitMs, act: 'press', digits })

async function gather(attributes: string, caller: CallerStep[], inside = '', pages: Record<string, Page> = {}) {
  const voice = `<Gather action="/keys" ${attributes}>${inside}</Gather><Say>No keys</Say>`
  const call = await place({ '/keys': '<Say>Thank you</Say>', ...pages, '/voice': voice }, caller)
  const [asked] = call.server.of('/keys')
  const afterMs = (asked?.atMs ?? Number.NaN) - (call.record.answeredAtMs ?? 0)
  return { ...call, asked, afterMs, digits: asked?.form.Digits }
}

describe('keys are given to the action', () => {
  const table: [
    what: string,
    attributes: string,
    keys: CallerStep[],
    digits: string,
    endedBy: string,
    afterMs: number,
  ][] = [
    ['as many as were asked for', 'numDigits="2"', [press('123', 500)], '12', 'count', 700],
    ['ended by the hash, which is none of them', '', [press('12#3', 500)], '12', 'key', 900],
    ['ended by another key', 'finishOnKey="*"', [press('1#*', 500)], '1#', 'key', 900],
    ['ended by no key but by silence', 'finishOnKey="" timeout="2"', [press('1#', 500)], '1#', 'timeout', 2700],
    ['silence counts from the last key', 'timeout="2"', [press('1', 1500), press('2', 3000)], '12', 'timeout', 5000],
  ]
  test.each(table)('%s', async (_, attributes, keys, digits, endedBy, afterMs) => {
    const call = await gather(attributes, keys)
    expect(call.digits).toBe(digits)
    expect(call.afterMs).toBe(afterMs)
    expect(call.record.gathered).toMatchObject([{ digits, endedBy }])
    expect(call.record.said).toMatchObject([{ text: 'Thank you' }])
    expect(call.asked).toMatchObject({ method: 'POST', form: { CallStatus: 'in-progress' } })
  })
})

describe('without a key', () => {
  test('the next verb follows after five seconds', async () => {
    const { record, asked } = await gather('', [])
    expect(asked).toBeUndefined()
    expect(record.said).toMatchObject([{ text: 'No keys', atMs: (record.answeredAtMs ?? 0) + 5000 }])
  })

  test('the finishing key alone is no key', async () => {
    const { record, asked } = await gather('', [press('#', 500)])
    expect(asked).toBeUndefined()
    expect(record.said).toMatchObject([{ text: 'No keys', atMs: (record.answeredAtMs ?? 0) + 500 }])
  })

  test('actionOnEmptyResult asks the action all the same', async () => {
    expect((await gather('actionOnEmptyResult="true" timeout="1"', [])).digits).toBe('')
  })

  test('a caller who hangs up is asked about no more', async () => {
    const { asked, record } = await gather('', [press('1', 100), hangUpAfter(900)])
    expect(asked).toBeUndefined()
    expect(record).toMatchObject({ endedBy: 'caller', gathered: [] })
  })
})

describe('prompts', () => {
  const PROMPTS = '<Say>one two</Say><Pause length="2"/><Say>three</Say>'
  const PROMPTED_MS = 2 * 400 + 600 + 2000 + 400 + 600

  test('are played one after the other; silence counts from their end', async () => {
    const { record } = await gather('timeout="3"', [], PROMPTS)
    const startMs = record.answeredAtMs ?? 0
    expect(record.said.map(({ text, atMs }) => [text, atMs - startMs])).toEqual([
      ['one two', 0],
      ['three', PROMPTED_MS - 1000],
      ['No keys', PROMPTED_MS + 3000],
    ])
  })

  test('fall silent at the first key, and the others are not played', async () => {
    const { record, digits, afterMs } = await gather('timeout="3"', [press('7', 700)], PROMPTS)
    expect(record.said.map(({ text }) => text)).toEqual(['one two', 'Thank you'])
    expect(record.said[0]?.endedAtMs).toBe((record.answeredAtMs ?? 0) + 700)
    expect([digits, afterMs]).toEqual(['7', 3700])
  })
})

test('without an action the document itself is asked, keys and all', async () => {
  let asked = 0
  const voice: Page = () => (++asked === 1 ? '<Gather numDigits="1"/>' : '<Hangup/>')
  const { server } = await place({ '/voice': voice }, [press('5', 300)])
  expect(server.of('/voice').map(({ form }) => form.Digits)).toEqual([undefined, '5'])
})

describe('speech', () => {
  const say = (words: string, ms: number, waitMs: number): CallerStep => ({
    on: 'answered',
    waitMs,
    act: 'say',
    words,
    audio: tone(ms),
  })

  test('is given to the action once it is over, with how sure that is and the language', async () => {
    const { asked, afterMs, record } = await gather('input="speech" speechTimeout="2" language="en-GB"', [
      say('Saturday, please.', 1000, 500),
    ])
    expect(asked?.form).toMatchObject({ SpeechResult: 'Saturday, please.', Confidence: '0.9', Language: 'en-GB' })
    expect(asked?.form).not.toHaveProperty('Digits')
    expect(afterMs).toBe(500 + 980 + 2000)
    expect(record.gathered).toMatchObject([{ speech: 'Saturday, please.', endedBy: 'silence' }])
    expect(record.problems).toEqual([])
  })

  test('of several sentences is one, while the silence between them is short', async () => {
    const { asked } = await gather('input="speech" speechTimeout="2"', [
      say('On', 300, 500),
      say('Saturday', 300, 1500),
    ])
    expect(asked?.form.SpeechResult).toBe('On Saturday')
  })

  test('is over after a second where Twilio is to judge, and after its limit in any case', async () => {
    const auto = await gather('input="speech" speechTimeout="auto"', [say('Yes', 300, 500)])
    expect(auto.afterMs).toBe(500 + 280 + 1000)
    const long = await gather('input="speech" maxSpeechTime="2"', [say('On and on', 5000, 500)])
    expect(long.afterMs).toBe(2500)
  })

  const prompt = '<Say>one two three four five</Say>'
  test('cuts a prompt off, unless it may not', async () => {
    const cut = await gather('input="speech" speechTimeout="auto"', [say('Yes', 300, 500)], prompt)
    expect(cut.record.said[0]?.endedAtMs).toBe((cut.record.answeredAtMs ?? 0) + 500)
    const whole = await gather('input="speech" bargeIn="false" timeout="1"', [say('Yes', 300, 500)], prompt)
    expect([whole.asked, whole.record.said[1]?.text]).toEqual([undefined, 'No keys'])
  })

  test('and keys are taken together where both are asked for; what comes first counts', async () => {
    const keys = await gather('input="dtmf speech" numDigits="1"', [press('1', 200), say('Yes', 300, 500)])
    expect([keys.digits, keys.asked?.form.SpeechResult]).toEqual(['1', undefined])
    const words = await gather('input="speech dtmf" speechTimeout="auto"', [say('Yes', 300, 200), press('1', 800)])
    expect([words.digits, words.asked?.form.SpeechResult]).toEqual([undefined, 'Yes'])
    expect(words.record.gathered).toMatchObject([{ digits: '', endedBy: 'silence' }])
  })

  test('is not listened for where only keys are asked for, nor keys where only speech is', async () => {
    expect((await gather('', [say('Yes', 300, 200)])).asked).toBeUndefined()
    expect((await gather('input="speech"', [press('1', 200)])).asked).toBeUndefined()
  })

  test('is told word by word while it goes on, to whom that was promised, and whole in the end', async () => {
    const { server, asked } = await gather('input="speech" speechTimeout="2" partialResultCallback="/partial"', [
      say('On Saturday, please.', 1000, 500),
      say('At nine.', 600, 1800),
    ])
    const partials = server.of('/partial').map(({ form }) => form)
    expect(partials.map((form) => [form.SequenceNumber, form.UnstableSpeechResult])).toEqual([
      ['0', 'On'],
      ['1', 'On Saturday,'],
      ['2', 'On Saturday, please.'],
      ['3', 'On Saturday, please. At'],
      ['4', 'On Saturday, please. At nine.'],
    ])
    expect(partials[0]).toMatchObject({ CallStatus: 'in-progress', Language: 'en-US', StableSpeechResult: '' })
    expect(partials[0]).not.toHaveProperty('SpeechResult')
    expect(asked?.form.SpeechResult).toBe('On Saturday, please. At nine.')
  })
})
