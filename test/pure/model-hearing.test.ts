// What the model hears as speech: each utterance once, silence and line noise never, by the clock of the audio alone.
import { describe, expect, test } from 'bun:test'
import { mulaw } from 'alawmulaw'
import { createRandom } from '../../sim/random.ts'
import { joined, one, only, openRig, phone, silence, speech, typesOf } from './model-rig.ts'

const EDGES = ['input_audio_buffer.speech_started', 'input_audio_buffer.speech_stopped', 'input_audio_buffer.committed']

const noise = (ms: number, dbfs: number): Uint8Array => {
  const random = createRandom('noise')
  const peak = 0x8000 * 10 ** (dbfs / 20) * Math.sqrt(3)
  return mulaw.encode(Int16Array.from({ length: ms * 8 }, () => Math.round((random.next() * 2 - 1) * peak)))
}

describe('speech detection', () => {
  for (const [words, voice] of [
    ['Hello, this is Anna Berg. I would like to leave a message for doctor Lind, please.', 'rms'],
    ['Yes.', 'slt'],
    ['Wait, wait!', 'awb'],
    ['My number is five five five, one two three four. Thank you.', 'kal16'],
  ] as const)
    test(`hears "${words}" by ${voice} as exactly one utterance, where it is`, async () => {
      const rig = await openRig()
      const said = await speech.speak(words, voice)
      await rig.play(joined(silence(800), said, silence(1200)))
      expect(typesOf(rig.heard).filter((type) => EDGES.includes(type))).toEqual(EDGES)
      const [started] = only(rig.heard, EDGES[0] ?? '')
      const [stopped] = only(rig.heard, EDGES[1] ?? '')
      // The start includes 300 ms of padding, the end 500 ms of silence.
      expect(started?.audio_start_ms).toBeWithin(400, 620)
      expect(stopped?.audio_end_ms).toBeWithin(800 + said.length / 8 + 200, 800 + said.length / 8 + 700)
      // What was heard is told while it is still being said.
      expect(started?.atMs).toBeLessThan(800 + 250)
    })

  test('hears two utterances with a pause between them as two', async () => {
    const rig = await openRig()
    const said = await speech.speak('Good morning.', 'rms')
    await rig.play(joined(silence(400), said, silence(1200), said, silence(1200)))
    expect(typesOf(rig.heard).filter((type) => EDGES.includes(type))).toEqual([...EDGES, ...EDGES])
  })

  test('never lets a turn begin before the last one has ended, and leaves nothing of a turn behind it', async () => {
    const rig = await openRig()
    const said = await speech.speak('Good morning.', 'rms')
    await rig.play(joined(silence(400), said))
    while (only(rig.heard, 'input_audio_buffer.speech_stopped').length === 0) await rig.play(silence(20))
    const heard = await rig.ask({ type: 'input_audio_buffer.commit' })
    expect(one(heard, 'error').error?.code).toBe('input_audio_buffer_commit_empty')
    await rig.play(joined(silence(40), said, silence(1000)))
    const [, second] = only(rig.heard, 'input_audio_buffer.speech_started')
    const [first] = only(rig.heard, 'input_audio_buffer.speech_stopped')
    expect(second?.audio_start_ms).toBe(first?.audio_end_ms ?? -1)
  })

  for (const [name, audio] of [
    ['digital silence 0xFF', silence(5000)],
    ['digital silence 0x7F', new Uint8Array(40_000).fill(0x7f)],
    ['line noise at -50 dBFS', noise(5000, -50)],
    ['line noise at -40 dBFS', noise(5000, -40)],
    ['a click', joined(silence(2000), noise(40, -15), silence(2000))],
  ] as const)
    test(`hears nothing in ${name}`, async () => {
      const rig = await openRig()
      const heard = await rig.play(audio)
      expect(heard).toEqual([])
      expect(rig.model.record().sessions[0]?.speech).toEqual([])
    })

  test('measures silence in audio, not on the wall: no turn ends while no audio comes', async () => {
    const rig = await openRig()
    const said = await speech.speak('Good morning.', 'rms')
    await rig.play(joined(silence(400), said, silence(200)))
    const from = rig.heard.length
    await rig.pass(60_000)
    expect(rig.heard.slice(from)).toEqual([])
    const heard = await rig.play(silence(600))
    expect(typesOf(heard)).toContain('input_audio_buffer.speech_stopped')
  })

  test('hears the same in a burst as at the pace of a telephone, and in frames of any size', async () => {
    const said = joined(silence(480), await speech.speak('Good morning.', 'rms'), silence(800))
    const edgesAfter = async (sizes: () => number) => {
      const rig = await openRig()
      for (let at = 0; at < said.length; ) {
        const size = sizes()
        rig.send({ type: 'input_audio_buffer.append', audio: said.slice(at, at + size).toBase64() })
        at += size
      }
      await rig.pass(1)
      return rig.heard
        .filter(({ type }) => EDGES.includes(type))
        .map(({ type, audio_start_ms, audio_end_ms }) => [type, audio_start_ms ?? audio_end_ms])
    }
    const random = createRandom(7)
    const [burst, uneven, whole] = [
      await edgesAfter(() => 160),
      await edgesAfter(() => random.int(1, 999)),
      await edgesAfter(() => said.length),
    ]
    expect(burst).toHaveLength(3)
    expect(uneven).toEqual(burst)
    expect(whole).toEqual(burst)
  })

  test('a change of the detection forgets speech in progress; another change keeps it', async () => {
    const said = joined(silence(400), await speech.speak('Good morning to you.', 'rms'))
    const { session } = phone
    const { turn_detection } = session.audio.input
    const other = { ...turn_detection, silence_duration_ms: 700 }
    for (const [changed, isForgotten] of [
      [{ type: 'realtime', instructions: 'Be brief.' }, false],
      [
        { type: 'realtime', audio: { input: { turn_detection: { ...turn_detection, create_response: false } } } },
        false,
      ],
      [{ type: 'realtime', audio: { input: { turn_detection: other } } }, true],
    ] as const) {
      const rig = await openRig()
      await rig.play(said)
      await rig.ask({ type: 'session.update', session: changed })
      const heard = await rig.play(silence(1000))
      expect(typesOf(heard).includes('input_audio_buffer.speech_stopped')).toBe(!isForgotten)
      const [recorded] = rig.model.record().sessions[0]?.speech ?? []
      expect(recorded?.stoppedAtMs).not.toBeNull()
      if (!isForgotten) continue
      const committed = one(await rig.ask({ type: 'input_audio_buffer.commit' }), 'input_audio_buffer.committed')
      expect(committed.item_id).not.toBe(recorded?.itemId ?? '')
    }
  })

  test('without detection nothing is heard until the client commits', async () => {
    const rig = await openRig()
    await rig.ask({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } })
    const said = joined(silence(200), await speech.speak('Good morning.', 'rms'), silence(1000))
    expect(await rig.play(said)).toEqual([])
    const heard = await rig.ask({ type: 'input_audio_buffer.commit' })
    expect(typesOf(heard)).toEqual([
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
    ])
  })

  test('listens in 24 kHz PCM as well', async () => {
    const rig = await openRig()
    const pcm = { type: 'audio/pcm', rate: 24000 }
    await rig.ask({ type: 'session.update', session: { type: 'realtime', audio: { input: { format: pcm } } } })
    const narrow = mulaw.decode(joined(silence(800), await speech.speak('Good morning.', 'rms'), silence(800)))
    const wide = new Uint8Array(
      Int16Array.from({ length: narrow.length * 3 }, (_, at) => narrow[Math.floor(at / 3)] ?? 0).buffer,
    )
    for (let at = 0; at < wide.length; at += 1000)
      rig.send({ type: 'input_audio_buffer.append', audio: wide.slice(at, at + 1000).toBase64() })
    await rig.pass(1)
    const [started] = only(rig.heard, 'input_audio_buffer.speech_started')
    expect(started?.audio_start_ms).toBeWithin(400, 620)
    expect(typesOf(rig.heard).filter((type) => EDGES.includes(type))).toEqual(EDGES)
  })

  test('a thousand appends cost far less than a second', async () => {
    const rig = await openRig()
    const frame = silence(20).toBase64()
    const startedAt = performance.now()
    for (let count = 0; count < 1000; count++) rig.send({ type: 'input_audio_buffer.append', audio: frame })
    await rig.pass(1)
    expect(performance.now() - startedAt).toBeLessThan(500)
    expect(rig.model.record().sessions[0]?.appends).toHaveLength(1000)
  })
})

describe('words that are said without a script', () => {
  test('are known by their sound, whoever is heard first, and several in one turn together', async () => {
    const [one, two, three] = await Promise.all(
      ['Two loaves, please.', 'Do you open on Saturdays?', 'And on Sundays?'].map((words) => speech.speak(words)),
    )
    const first = await openRig({ script: { improvises: true } })
    const second = await first.reopen()
    first.model.expect('Two loaves, please.', one ?? silence(0))
    second.model.expect('Do you open on Saturdays?', two ?? silence(0))
    second.model.expect('And on Sundays?', three ?? silence(0))
    const told = async (rig: typeof first, ...said: Uint8Array[]) => {
      const from = rig.heard.length
      await rig.play(joined(silence(200), ...said, silence(900)))
      await rig.pass(1000)
      const completed = 'conversation.item.input_audio_transcription.completed'
      return only(rig.heard.slice(from), completed).map(({ transcript }) => transcript)
    }
    expect(await told(second, two ?? silence(0), silence(200), three ?? silence(0))).toEqual([
      'Do you open on Saturdays? And on Sundays?',
    ])
    expect(await told(first, one ?? silence(0))).toEqual(['Two loaves, please.'])
  })

  test('are those of the next turn where its audio cannot be known again', async () => {
    const rig = await openRig({ script: { improvises: true } })
    rig.model.expect('Good morning.', new Uint8Array(8000).fill(0x12))
    await rig.play(joined(silence(200), await speech.speak('Good evening.'), silence(900)))
    await rig.pass(1000)
    const completed = one(rig.heard, 'conversation.item.input_audio_transcription.completed')
    expect(completed.transcript).toBe('Good morning.')
  })
})
