// What the auditor forgives where the model's socket breaks in the middle of a sentence, and that it forgives nothing beside it.
import { describe, expect, test } from 'bun:test'
import { audit } from '../../sim/auditor.ts'
import { at } from '../support/audited-call.ts'
import { item, utterance } from '../support/audited-parts.ts'
import { BROKE_MS, goOnAgain, type Session, type TornCall, tornCall } from '../support/torn-call.ts'

type Change = (call: TornCall) => void

const found = (change: Change, call = tornCall()): string[] => {
  change(call)
  return audit(call).map(({ explanation }) => explanation)
}
const kept =
  (itemId: string, fact: object): Change =>
  (call) => {
    Object.assign(utterance(call, itemId).fact, fact)
    const spoken = call.server.events.filter(({ kind }) => kind === 'utterance').map((event) => event.fact.text)
    call.row.transcript = spoken.join('\n')
  }

/** As if the answer had been made to its end before the socket broke. */
const made: Change = ({ session }) => {
  Object.assign(session.responses[1] ?? {}, { status: 'completed', doneAtMs: at(5_400) })
}
/** As if the caller had cut in after the break, and heard so much of the answer. */
const heardOnly =
  (ms: number): Change =>
  (call) => {
    const run = call.stream.played[1]
    if (run === undefined) throw new Error('There is no answer')
    const toByte = run.fromByte + ms * 8
    call.stream.cleared = [{ atMs: at(BROKE_MS + 200), fromByte: toByte, toByte: run.toByte }]
    run.toByte = toByte
    call.fixture.expect.bargeIns = 1
    // The session that goes on has the words that were heard, and no sound to truncate.
    for (const told of call.second.items) if (told.itemId === 'item_B again') told.text = 'I will'
  }
const all = (...changes: Change[]): Change => {
  return (call) => {
    for (const change of changes) change(call)
  }
}

const whole = { text: 'I will pass that on and they', unheard: '' }

describe('a sentence that a broken socket cut off', () => {
  test.each<[string, Change]>([
    ['its last words count as unheard, because words run ahead of sound', () => {}],
    ['all of its words count as heard, and as cut off', kept('item_B', { ...whole, isCut: true })],
    ['all of its words count as heard, and as its end', kept('item_B', { ...whole, isCut: false })],
    ['few of its words count as heard', kept('item_B', { text: 'I', unheard: ' will pass that on and they' })],
    [
      'the caller cut in on it, and the words by then count as heard',
      all(heardOnly(400), kept('item_B', { text: 'I will', unheard: ' pass that on and they' })),
    ],
    [
      'the caller cut in on it before a word of it was heard',
      all(heardOnly(700), kept('item_B', { text: '', unheard: 'I will pass that on and they' })),
    ],
  ])('is right when %s', (_what, change) => {
    expect(found(change)).toEqual([])
  })

  test.each<[string, Change, string]>([
    [
      'it is not in the transcript',
      (call) => call.server.events.splice(call.server.events.indexOf(utterance(call, 'item_B')), 1),
      'What the agent said in item_B is not in the transcript',
    ],
    [
      'its unheard words are not said to be cut off',
      kept('item_B', { isCut: false }),
      'item_B was cut off, but the transcript does not say so',
    ],
    [
      'words are put in that were never made',
      kept('item_B', { unheard: ' and they will call back.' }),
      'Heard and unheard part of item_B are not together what was said',
    ],
    [
      'its unheard words are left out',
      kept('item_B', { unheard: '' }),
      'Heard and unheard part of item_B are not together what was said',
    ],
    [
      'none of it counts as heard, though more than a word was',
      kept('item_B', { text: '', unheard: 'I will pass that on and they' }),
      'The transcript has another part of item_B as heard than the caller heard',
    ],
    [
      'all of it counts as heard, though the caller cut in on it',
      all(heardOnly(200), kept('item_B', { ...whole, isCut: true })),
      'The transcript has another part of item_B as heard than the caller heard',
    ],
    [
      'all of it counts as heard, and as its end, though the caller cut in on it',
      all(heardOnly(200), kept('item_B', { ...whole, isCut: false })),
      'The transcript has another part of item_B as heard than the caller heard',
    ],
    ['it had been made to its end', made, 'All of item_B was heard, but the transcript has it otherwise'],
    [
      'another was cut short, which the same session had said to its end',
      kept('item_A', { text: 'Hello, how can', unheard: ' I help?', isCut: true }),
      'All of item_A was heard, but the transcript has it otherwise',
    ],
    [
      'another was cut short, which was whole before the same response broke',
      all(kept('item_A', { text: 'Hello, how can', unheard: ' I help?', isCut: true }), ({ session }) =>
        Object.assign(session.responses[0] ?? {}, { status: 'lost', doneAtMs: null }),
      ),
      'All of item_A was heard, but the transcript has it otherwise',
    ],
  ])('is wrong when %s', (_what, change, explanation) => {
    expect(found(change)).toContain(explanation)
  })
})

describe('a session that takes over after a sentence was cut off', () => {
  const forgotten = 'The new session was never told what the agent said'

  test.each<[string, Change]>([
    ['the words that were heard of it', (call) => goOnAgain(call, 'I will pass that on')],
    ['all that is known of it', (call) => goOnAgain(call, 'I will pass that on and they')],
  ])('is right when it is told %s', (_what, change) => {
    expect(found(change)).toEqual([])
  })

  test('is right when it is told nothing of it, where no word of it was heard', () => {
    const nothing = kept('item_B', { text: '', unheard: 'I will pass that on and they' })
    expect(
      found(
        all(nothing, (call) => goOnAgain(call, null)),
        tornCall(600),
      ),
    ).toEqual([])
  })

  test.each<[string, Change]>([
    ['nothing of it', (call) => goOnAgain(call, null)],
    ['no word of it', (call) => goOnAgain(call, '')],
    ['other words', (call) => goOnAgain(call, 'They will call back')],
    [
      'its beginning as what the caller said',
      (call) => {
        for (const told of goOnAgain(call, 'I will pass that on').items)
          if (told.itemId === 'item_B again') told.role = 'user'
      },
    ],
    ['half of it, though it had been made to its end', all(made, (call) => goOnAgain(call, 'I will pass that on'))],
    [
      'half of what the agent had said before it',
      (call) => {
        for (const told of goOnAgain(call, 'I will pass that on').items)
          if (told.itemId === 'item_A again') told.text = 'Hello, how can'
      },
    ],
    [
      'half of what was whole before the same response broke',
      (call) => {
        Object.assign(call.session.responses[0] ?? {}, { status: 'lost', doneAtMs: null })
        for (const told of goOnAgain(call, 'I will pass that on').items)
          if (told.itemId === 'item_A again') told.text = 'Hello, how can'
      },
    ],
  ])('is wrong when it is told %s', (_what, change) => {
    expect(found(change)).toContain(forgotten)
  })
})

describe('what the caller said as the socket broke, of which no words came', () => {
  const untold: Change = (call) => {
    call.session.items.push({
      ...item(call, 'item_U1'),
      itemId: 'item_U9',
      text: 'And one thing more.',
      isUntold: true,
    })
    call.session.speech.push({ startedAtMs: at(5_200), stoppedAtMs: at(5_400), itemId: 'item_U9' })
  }
  const heardAgain =
    (text: string): Change =>
    (call) => {
      const last = call.second.items.find(({ itemId }) => itemId === 'item_U2')
      if (last === undefined) throw new Error('There are no last words')
      last.text = text
      kept('item_U2', { text })(call)
    }
  const missing = 'What the caller said in item_U9 is not in the transcript'

  test('need not be in the transcript as such when the next session hears it again', () => {
    expect(found(all(untold, heardAgain('And one thing more. Thanks, bye.')))).toEqual([])
  })

  test('must be when it does not', () => {
    expect(found(untold)).toContain(missing)
    expect(found(all(untold, heardAgain('And one thing. Thanks, bye.')))).toContain(missing)
  })

  /** The line ended `endedMs` into the call, and the session that went on came `openedMs` into it, on another line. */
  const lineEnded =
    (endedMs: number, openedMs: number): Change =>
    (call) => {
      const { stream, second } = call
      const next = { ...stream, streamSid: 'MZ_2', openedAtMs: at(endedMs), sent: [], received: new Uint8Array() }
      call.carrier.streams.push({ ...next, receivedAt: [], played: [], cleared: [], marks: [] })
      stream.endedAtMs = at(endedMs)
      second.openedAtMs = at(openedMs)
    }
  const neverTold = 'The new session was never told what the caller said'

  test('is lost with a line that ended before another session was there, however much later that is', () => {
    for (const openedMs of [5_900, 9_400]) {
      const lost = found(all(untold, lineEnded(5_900, openedMs)))
      expect(lost).not.toContain(missing)
      expect(lost).not.toContain(neverTold)
    }
    // Not where the line was there for the next session, or was what ended first.
    expect(found(all(untold, lineEnded(5_900, 5_899)))).toContain(missing)
    expect(found(all(untold, lineEnded(BROKE_MS, 8_600)))).toEqual(expect.arrayContaining([missing, neverTold]))
  })

  test('must be when its words had come', () => {
    const told: Change = ({ session }) => {
      for (const each of session.items) each.isUntold = undefined
    }
    expect(found(all(untold, heardAgain('And one thing more. Thanks, bye.'), told))).toContain(missing)
  })
})

describe('a sentence that is cut off after its session is gone', () => {
  const cutLater: Change = all(
    made,
    heardOnly(700),
    kept('item_B', { text: 'I will pass that', unheard: ' on and they', isCut: true }),
  )
  const cutUntold = 'item_B was cut off after 700 ms, and the model was not told'
  const secondHas =
    (change: (told: Session['items'][number]) => void): Change =>
    ({ second }) => {
      for (const told of second.items) if (told.itemId === 'item_B again') change(told)
    }

  test('has no sound to truncate: the next one has what was heard of it as words', () => {
    expect(found(cutLater)).toEqual([])
  })

  test('is wrong when the next one still believes that all of it was heard', () => {
    const keeps = secondHas((told) => (told.text = 'I will pass that on and they'))
    expect(found(all(cutLater, keeps))).toContain(cutUntold)
    const takenBack = secondHas((told) => (told.isDeleted = true))
    expect(found(all(cutLater, keeps, takenBack))).toEqual([])
  })

  test('is right when the same words were said again and heard out: those it may believe, and not these', () => {
    const again: Change = (call) => {
      const goodbye = item({ ...call, session: call.second }, 'item_C')
      goodbye.text = 'I will pass that on and they'
      kept('item_C', { text: goodbye.text })(call)
      call.fixture.expect.turns[4] = { speaker: 'agent' }
      call.second.items.push({ ...goodbye, itemId: 'item_told', responseId: null, audio: new Uint8Array() })
    }
    const isTold = (change: Change) => !found(change).includes(cutUntold)
    expect(isTold(all(cutLater, again))).toBeTrue()
    const keeps = secondHas((told) => {
      told.text = 'I will pass that on and they'
      told.itemId = 'item_B'
    })
    expect(isTold(all(cutLater, again, keeps))).toBeFalse()
  })

  test('is wrong when its session was still there', () => {
    const stillThere: Change = ({ stream }) => {
      for (const each of stream.cleared) each.atMs = at(BROKE_MS - 100)
    }
    expect(found(all(cutLater, stillThere))).toContain(cutUntold)
  })
})

describe('a tool that was called by a response that broke off', () => {
  const callsTool =
    (sessionOf: (call: TornCall) => Session): Change =>
    (call) =>
      sessionOf(call).items.push({
        ...item(call, 'item_take_message'),
        itemId: 'item_asked',
      })
  const lastBreaks: Change = ({ second }) => {
    Object.assign(second.responses.at(-1) ?? {}, { status: 'lost', doneAtMs: null })
  }
  const unanswered = expect.stringMatching(/^The model called \d tools and got \d answers$/)

  test('needs no answer when nobody is left to hear it', () => {
    expect(
      found(
        all(
          callsTool(({ second }) => second),
          lastBreaks,
        ),
      ),
    ).toEqual([])
  })

  test('needs one in every other session', () => {
    expect(found(callsTool(({ second }) => second))).toContainEqual(unanswered)
    expect(found(callsTool(({ session }) => session))).toContainEqual(unanswered)
  })
})
