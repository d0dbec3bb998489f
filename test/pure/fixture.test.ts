// Fixtures: what they become, how their faults are told, and that those in the repository are sound.
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { decodeMulaw, silence } from '../../sim/audio.ts'
import { FixtureFault, linesOf, listFixtures, loadFixture } from '../../sim/fixture.ts'
import { lintFixtures } from '../../sim/lint/files.ts'
import { openEar } from '../../sim/model/detector.ts'
import { createSpeech } from '../../sim/speech.ts'

const folder = await mkdtemp(join(tmpdir(), 'fixtures-'))
afterAll(() => rm(folder, { recursive: true }))
await writeFile(join(folder, 'hello.ulaw'), new Uint8Array(1_600).fill(0x10))

const whole = `version: 1
date: '2026-11-24'
about: A call.
call: { to: '+15551234567', from: '+15550102030' }
caller:
  - on: agent-finished
    waitMs: 300
    say: Hello.
    audio: hello.ulaw
  - on: agent-speaking
    heardMs: 1200
    press: '1#'
  - on: said
    hangUp: true
model:
  responses:
    - - say: Hello!
      - call: end_call
        arguments: { reason: done }
    - - fail: server_error
expect:
  bargeIns: 1
`
const path = join(folder, 'x.yaml')
const load = async (text: string) => {
  await writeFile(path, text)
  return loadFixture(path)
}
const faultOf = async (text: string): Promise<string> => {
  const error = await load(text).then(
    () => null,
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(FixtureFault)
  return (error as Error).message.replaceAll(relative(process.cwd(), path), 'x.yaml')
}
const changed = (from: string | RegExp, to: string) => {
  expect(whole).toMatch(from)
  return whole.replace(from, to)
}

describe('a fixture', () => {
  test('becomes both scripts, with its audio, its defaults, and the caller’s words as what the model hears', async () => {
    expect(await load(whole)).toEqual({
      version: 1,
      date: '2026-11-24',
      name: 'x',
      about: 'A call.',
      isUsual: false,
      atMs: null,
      call: {
        direction: 'inbound',
        to: '+15551234567',
        from: '+15550102030',
        answers: { afterMs: 3_000 },
        purpose: null,
      },
      people: [],
      clinic: { settings: {}, switches: [], desk: [] },
      caller: [
        { on: 'agent-finished', waitMs: 300, act: 'say', words: 'Hello.', audio: new Uint8Array(1_600).fill(0x10) },
        { on: 'agent-speaking', heardMs: 1200, waitMs: 0, act: 'press', digits: '1#' },
        { on: 'said', waitMs: 0, act: 'hang-up' },
      ],
      model: {
        connection: { take: true },
        hears: ['Hello.'],
        responses: [
          [{ say: 'Hello!' }, { call: 'end_call', arguments: { reason: 'done' } }],
          [{ fail: 'server_error' }],
        ],
        writings: [],
        supervisor: [],
      },
      expect: {
        isRouted: true,
        row: {},
        turns: [],
        tools: [],
        refused: [],
        database: { appointments: [], patients: [], untouched: false },
        messages: [],
        bargeIns: 1,
        modes: [],
        voicemails: 0,
        emails: [],
        dialled: [],
        problems: [],
      },
    })
  })

  test('may have other people, with what they do, and may be placed by the server', async () => {
    const people = `people:
  - { number: '+15550109999', answers: busy }
  - number: '+15550108888'
    does:
      - { on: answered, say: Hello., audio: hello.ulaw }
      - { on: said, beep: true }
      - { on: connected, listen: true }
model:`
    const placed = changed('model:', people).replace('{ to:', '{ direction: outbound, answers: never, to:')
    const fixture = await load(placed)
    const audio = new Uint8Array(1_600).fill(0x10)
    const numbers = { to: '+15551234567', from: '+15550102030' }
    expect(fixture.call).toEqual({ direction: 'outbound', ...numbers, answers: 'never', purpose: null })
    expect(fixture.people).toEqual([
      { number: '+15550109999', answers: 'busy', does: [] },
      {
        number: '+15550108888',
        answers: { afterMs: 3_000 },
        does: [
          { on: 'answered', waitMs: 0, act: 'say', words: 'Hello.', audio },
          { on: 'said', waitMs: 0, act: 'beep' },
          { on: 'connected', waitMs: 0, act: 'listen' },
        ],
      },
    ])
    expect(await linesOf(path)).toHaveLength(2)
    expect(await faultOf(placed.replace('outbound', 'inbound'))).toMatch(/call.answers: goes with direction: outbound/)
    const gone = placed.replace('say: Hello., audio: hello.ulaw', 'say: Hello., audio: gone.ulaw')
    expect(await faultOf(gone)).toMatch(/^x.yaml:19:\d+: people\[1\].does\[0\].audio: file gone.ulaw does not exist/)
  })

  test('can hear other words than were said, refuse the handshake, or never answer', async () => {
    const model = (text: string) => load(changed('model:\n', `model:\n  ${text}\n`)).then((fixture) => fixture.model)
    expect((await model('hears: [Hullo.]')).hears).toEqual(['Hullo.'])
    expect((await model('connection: { refuse: 503 }')).connection).toEqual({ refuse: 503 })
    expect((await model('connection: stall')).connection).toEqual({ stall: true })
  })

  test.each([
    [
      'hello.ulaw',
      'gone.ulaw',
      'x.yaml:9:5: caller[0].audio: file gone.ulaw does not exist; make it with: bun sim/fixtures/record.ts',
    ],
    ['waitMs: 300', 'waitMs: soon', 'x.yaml:7:5: caller[0].waitMs: must be a number'],
    [
      'waitMs: 300',
      'wait: 300',
      'x.yaml:7:5: caller[0].wait: fixtures have no such field here; see sim/fixtures/README.md',
    ],
    [
      'on: agent-finished',
      'on: later',
      'x.yaml:6:5: caller[0].on: must be one of answered, time, agent-finished, agent-speaking, saying, said, waiting, connected, returned',
    ],
    ['on: agent-finished', 'on: time', 'x.yaml:6:5: caller[0].on: goes with press and hangUp only'],
    ['on: agent-finished', 'on: said', 'x.yaml:6:5: caller[0].on: needs a step before it that says something'],
    ['    heardMs: 1200\n', '', 'x.yaml:10:5: caller[1].on: needs heardMs: how much the caller hears first'],
    [
      "press: '1#'",
      "press: '1#'\n    hangUp: true",
      'x.yaml:10:5: caller[1]: does one thing: say, press, beep, listen or hangUp',
    ],
    ["to: '+15551234567'", 'to: 15551234567', 'x.yaml:4:9: call.to: must be a string'],
    ["to: '+15551234567', ", '', 'x.yaml:4:1: call.to: is missing; it is a string'],
    ['about: A call.\n', '', 'x.yaml:1:1: about: is missing; it is a string'],
    ['version: 1', 'version: 2', 'x.yaml:1:1: version: must be 1, the only version that there is'],
    [
      '- fail: server_error',
      '- fail: server_error\n        call: x',
      'x.yaml:20:9: model.responses[1][0]: is one thing: say, call, fail, stop or hang',
    ],
    [
      'about: A call.',
      'about: A call.\nstruck: { seed: a, strikes: [{ fault: crash, atMs: 5 }] }',
      'x.yaml:4:20: struck.strikes: crash strikes processes, which keep real time: give it to sim call',
    ],
    [
      'about: A call.',
      'about: A call.\nstruck: { seed: a, strikes: [{ fault: drop }] }',
      'x.yaml:4:30: struck.strikes[0].callback: is missing; it is a string',
    ],
    ['about: A call.', 'about: [A call', 'x.yaml:4:1: '],
    ['about: A call.', 'about: A\nabout: B', 'x.yaml:4:1: Map keys must be unique'],
  ])('with %p as %p is refused with its place and what to do', async (from, to, message) => {
    expect(await faultOf(changed(from, to))).toStartWith(message)
  })

  test('tells all of its faults at once', async () => {
    const text = changed('waitMs: 300', 'waitMs: -1').replace('bargeIns: 1', 'bargeIns: once')
    expect((await faultOf(text)).split('\n').map((line) => line.split(': ')[0])).toEqual(['x.yaml:7:5', 'x.yaml:22:3'])
  })

  test('that does not exist is answered with those that do', async () => {
    await expect(loadFixture('nonesuch')).rejects.toThrow(/no fixture 'nonesuch'. There are .*default, /)
    await expect(loadFixture('./nonesuch.yaml')).rejects.toThrow('nonesuch.yaml: cannot be read (ENOENT)')
  })
})

describe('the fixtures that come with the simulator', () => {
  test('all load, and their audio is small', async () => {
    const fixtures = await Promise.all((await listFixtures()).map(loadFixture))
    expect(fixtures.length).toBeGreaterThanOrEqual(40)
    const usual = fixtures.flatMap(({ isUsual, call }) => (isUsual ? [call.to] : []))
    expect(usual.sort()).toEqual(['+15551234567', '+15557654321'])
    const steps = fixtures.flatMap(({ caller, people }) => [...caller, ...people.flatMap(({ does }) => does)])
    // Steps that say the same share a file.
    const bytes = new Map(steps.map((step) => (step.act === 'say' ? [step.words, step.audio.length] : ['', 0])))
    expect([...bytes.values()].reduce((sum, each) => sum + each, 0)).toBeLessThan(1_500_000)
  })

  test('name nobody who may be real', async () => {
    expect(await lintFixtures(await listFixtures())).toEqual([])
  })

  test('are recorded from the words that they name', async () => {
    const { speak } = createSpeech({ cacheFolder: join(folder, 'speech') })
    const lines = (await Promise.all((await listFixtures()).map(linesOf))).flat()
    for (const { words, voice, path } of lines) {
      expect(Buffer.from(await speak(words, voice ?? 'slt')).equals(await Bun.file(path).bytes())).toBeTrue()
    }
  }, 60_000)

  test('each thing that a caller says is one turn to a detector of speech, pauses and all', async () => {
    const ear = await openEar()
    for (const name of await listFixtures()) {
      for (const step of (await loadFixture(name)).caller) {
        if (step.act !== 'say') continue
        const detector = ear.listen({ threshold: 0.5, prefixPaddingMs: 300, silenceMs: 500 })
        const line = Buffer.concat([silence(8_000), step.audio, silence(8_000)])
        const edges = detector.hear(decodeMulaw(line)).map(({ edge }) => edge)
        detector.free()
        expect([name, step.words, ...edges]).toEqual([name, step.words, 'started', 'stopped'])
      }
    }
  })
})
