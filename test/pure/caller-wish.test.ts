// A caller made on the command line: what becomes of the options, alone and with a fixture, and what is refused.
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { silence, writeWav } from '../../sim/audio.ts'
import { addCallerOptions, type CallerFlags, callerWishOf, typed } from '../../sim/caller-options.ts'
import { withCaller } from '../../sim/caller-wish.ts'
import { loadFixture } from '../../sim/fixture.ts'
import { Mistake } from '../../sim/mistake.ts'
import { improvised, leastThatFits } from '../../sim/model/improvising.ts'
import { commandOf } from '../../sim/wish.ts'
import { tone } from './carrier-rig.ts'

const folder = await mkdtemp(join(tmpdir(), 'caller-'))
afterAll(() => rm(folder, { recursive: true }))
const file = async (name: string, content: Uint8Array | string) => {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

/** Says each text as so many bytes as it has characters. */
const speech = { speak: async (text: string) => new Uint8Array(text.length) }

function wishOf(...given: string[]) {
  const acts: CallerFlags['acts'] = []
  const command = addCallerOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }), acts)
  command.parse(given, { from: 'user' })
  return callerWishOf({ ...command.opts(), acts })
}

async function callerOf(fixture: string, isNamed: boolean, ...given: string[]) {
  const wish = wishOf(...given)
  if (wish === undefined) throw new Error('nothing was asked for')
  return withCaller(await loadFixture(fixture), wish, isNamed, speech)
}

describe('the options', () => {
  test('are in their own order among each other, and can be typed again', () => {
    const given = '--say One. --barge-in 2.1s --say Two. --dtmf 1@3s --dtmf 2#@900ms --hang-up 8s'.split(' ')
    const wish = wishOf(...given)
    expect(wish).toEqual({
      turns: [{ say: 'One.' }, { say: 'Two.', bargeInMs: 2_100 }],
      keys: [
        { digits: '1', atMs: 3_000 },
        { digits: '2#', atMs: 900 },
      ],
      hangUpAtMs: 8_000,
    })
    expect(wish && typed(wish).join(' ')).toBe(
      "--say 'One.' --barge-in 2.1s --say 'Two.' --dtmf '1@3s' --dtmf '2#@0.9s' --hang-up 8s",
    )
  })

  test('not given, leave the fixture alone', () => expect(wishOf()).toBeUndefined())

  test.each([
    ['keys after the caller has hung up', ['--dtmf', '1@9s', '--hang-up', '8s'], 'has hung up by then'],
    ['two cuts for one thing said', ['--barge-in', '1s', '--barge-in', '2s', '--say', 'x'], '--barge-in twice'],
    ['a cut that nothing follows', ['--say', 'x', '--barge-in', '1s'], 'nothing follows it here'],
    ['keys that there are none of', ['--dtmf', 'x@1s'], 'Keys are written with their time'],
    ['keys without a time', ['--dtmf', '1'], 'Keys are written with their time'],
    ['a time that is none', ['--hang-up', 'soon'], 'A time is written 3s'],
  ])('that cannot be meant are refused: %s', (_, given, words) => {
    expect(() => wishOf(...given)).toThrow(words)
  })
})

describe('the caller', () => {
  test('speaks in turn, cuts in where asked, leaves when nothing more comes; and the model has no script', async () => {
    const { caller, model, isAltered } = await callerOf(
      'default',
      false,
      '--say',
      'Hi.',
      '--barge-in',
      '1s',
      '--say',
      'No!',
    )
    expect(isAltered).toBeTrue()
    expect(caller).toEqual([
      { on: 'agent-finished', waitMs: 400, act: 'say', words: 'Hi.', audio: new Uint8Array(3) },
      { on: 'agent-speaking', heardMs: 1_000, waitMs: 0, act: 'say', words: 'No!', audio: new Uint8Array(3) },
      { on: 'agent-finished', waitMs: 3_000, act: 'hang-up' },
    ])
    expect(model).toMatchObject({ improvises: true, hears: ['Hi.', 'No!'], responses: [] })
  })

  test('of a fixture that was named says other words to the same model', async () => {
    const { responses } = (await loadFixture('default')).model
    const { model } = await callerOf('default', true, '--say', 'Hi.')
    expect(model).toMatchObject({ hears: ['Hi.'], responses })
    expect(model.improvises).toBeUndefined()
  })

  test('without words of its own is the fixture’s, who also presses keys, cuts in or hangs up', async () => {
    const { caller, model } = await loadFixture('default')
    const altered = await callerOf('default', true, '--barge-in', '700ms', '--dtmf', '0@2s', '--hang-up', '5s')
    const [first] = caller
    expect(first?.on).toBe('agent-finished')
    expect(altered.caller).toEqual([
      Object.assign({}, first, { on: 'agent-speaking', heardMs: 700, waitMs: 0 }),
      ...caller.slice(1),
      { on: 'time', waitMs: 2_000, act: 'press', digits: '0' },
      { on: 'time', waitMs: 5_000, act: 'hang-up' },
    ])
    expect(altered.model).toEqual(model)
  })

  test('plays a raw file as it is, and a WAV file at the line’s rate', async () => {
    const raw = await file('a.ulaw', tone(100))
    const wav = await file('b.wav', writeWav([tone(60)]))
    const { caller, model } = await callerOf('default', false, '--audio', raw, '--audio', wav)
    expect(caller.slice(0, 2)).toMatchObject([{ audio: tone(100) }, { audio: tone(60) }])
    expect(model.hears).toEqual(['[a.ulaw]', '[b.wav]'])
  })

  test.each([
    ['that is not there', async () => join(folder, 'none.wav'), 'cannot be read (ENOENT)'],
    ['of another kind', () => file('a.mp3', 'ID3'), 'give a .wav file, or a .ulaw file'],
    ['that is no WAV file', () => file('c.wav', 'RIFFsomething'), 'cannot be read as a WAV file'],
    ['that is empty', () => file('d.ulaw', ''), 'there is no audio in it'],
    ['that is silent', () => file('e.ulaw', silence(8_000)), 'nothing can be heard in it'],
    ['of more than a minute', () => file('f.ulaw', tone(61_000)), 'it lasts 61 s; a minute is the most'],
  ])('refuses a file %s', async (_, path, words) => {
    const refused = await callerOf('default', false, '--audio', await path()).then(
      () => null,
      (error) => error,
    )
    expect(refused).toBeInstanceOf(Mistake)
    expect(refused.message).toContain(words)
  })

  test('who says nothing cannot cut in', async () => {
    expect(callerOf('says-nothing', true, '--barge-in', '1s')).rejects.toThrow('says nothing to cut in with')
  })
})

describe('a model without a script', () => {
  const prompt = { isFirst: false, words: [], tools: ['end_call', 'take_message'] }

  test('says so, repeats what it hears, and ends the call when the caller takes leave, if it can', () => {
    expect(improvised({ ...prompt, isFirst: true })).toEqual([{ say: expect.stringContaining('no script') }])
    expect(improvised({ ...prompt, words: ['I have {{last.x.y}} pain.'] })).toEqual([
      { say: 'You said: I have last.x.y pain.' },
    ])
    expect(improvised({ ...prompt, words: [''] })).toEqual([{ say: 'I heard a voice, and no words.' }])
    expect(improvised({ ...prompt, words: ['Thanks, bye.'] })).toMatchObject([
      { say: 'Goodbye.' },
      { call: 'end_call' },
    ])
    expect(improvised({ ...prompt, words: ['Bye.'], tools: [] })).toEqual([{ say: 'Goodbye.' }])
  })

  test('writes what fits any schema, and claims nothing', () => {
    const schema = {
      type: 'object',
      properties: {
        summary: { type: 'string' },
        outcome: { enum: ['booked', 'unresolved'] },
        urgency: { enum: ['routine', 'urgent'] },
        name: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        until: { type: ['string', 'null'] },
        tasks: { type: 'array' },
        isDone: { type: 'boolean' },
        count: { type: 'integer', minimum: 1 },
        kind: { const: 'call' },
      },
    }
    expect(leastThatFits(schema)).toEqual({
      summary: expect.stringContaining('nothing of it was understood'),
      outcome: 'unresolved',
      urgency: 'routine',
      name: null,
      until: null,
      tasks: [],
      isDone: false,
      count: 1,
      kind: 'call',
    })
  })
})

test('what is typed for the same call again is one word to a shell wherever it was one', () => {
  const caller = { turns: [{ audio: '/tmp/my voice.wav' }], keys: [] }
  const wish = { fixture: 'it’s mine.yaml', seed: '', json: false, caller }
  const typed = commandOf(wish).replace(/^bun sim call/, "printf '%s\\n'")
  const words = Bun.spawnSync(['sh', '-c', typed]).stdout.toString().trimEnd().split('\n')
  expect(words).toEqual(['--fixture', 'it’s mine.yaml', '--seed', '', '--audio', '/tmp/my voice.wav'])
})
