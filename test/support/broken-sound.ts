// Calls in which a byte is lost, invented, misplaced or misjudged: what each rule of sound must see. Each entry names the
// rule by the beginning of its name.
import { at } from './audited-call.ts'
import {
  type Breaking,
  byteAt,
  cutAnswerAt,
  item,
  sendOnOfAnswer,
  silence,
  withMore,
  without,
} from './audited-parts.ts'

export const brokenSound: Breaking[] = [
  [
    'every byte the caller said reached the model',
    'a frame of speech is lost',
    ({ session }) => (session.appended = without(session.appended, byteAt(3_200), 160)),
  ],
  [
    'every byte the caller said reached the model',
    'a frame of silence is lost',
    ({ session }) => (session.appended = without(session.appended, byteAt(1_000), 160)),
  ],
  [
    'every byte the caller said reached the model',
    'a frame comes twice',
    ({ session }) =>
      (session.appended = withMore(
        session.appended,
        byteAt(3_220),
        session.appended.subarray(byteAt(3_200), byteAt(3_220)),
      )),
  ],
  [
    'every byte the caller said reached the model',
    'two frames change places',
    ({ session }) => {
      const frame = session.appended.slice(byteAt(3_200), byteAt(3_220))
      session.appended = withMore(without(session.appended, byteAt(3_200), 160), byteAt(3_220), frame)
    },
  ],
  [
    'every byte the caller said reached the model',
    'silence is put into speech',
    ({ session }) => (session.appended = withMore(session.appended, byteAt(3_200), silence(20))),
  ],
  [
    'every byte the caller said reached the model',
    'silence is added to silence',
    ({ session }) => (session.appended = withMore(session.appended, byteAt(1_000), silence(20))),
  ],
  [
    'every byte the caller said reached the model',
    'more silence is added than was missing',
    ({ stream, session }) => {
      stream.sent.splice(155, 2)
      session.appended = withMore(without(session.appended, byteAt(3_200), 320), byteAt(3_200), silence(100))
    },
  ],
  [
    'every byte the caller said reached the model',
    'one byte is another',
    ({ session }) => (session.appended[byteAt(3_300)] = 99),
  ],
  [
    'every byte the caller said reached the model',
    'last words are lost as the caller hangs up',
    (call) => {
      call.stream.endedBy = 'caller'
      call.session.appended = call.session.appended.slice(0, byteAt(6_700))
      call.session.closedAtMs = at(9_500)
    },
  ],
  [
    'the caller was sent what the model said',
    'a delta is lost though nobody cut in',
    ({ stream }) => (stream.received = without(stream.received, 1_600, 1_600)),
  ],
  [
    'the caller was sent what the model said',
    'a delta comes twice',
    ({ stream }) => (stream.received = withMore(stream.received, 1_600, stream.received.subarray(0, 1_600))),
  ],
  ['the caller was sent what the model said', 'a byte is another', ({ stream }) => (stream.received[50] = 99)],
  [
    'the caller was sent what the model said',
    'something is added at the end',
    ({ stream }) => (stream.received = withMore(stream.received, stream.received.length, silence(20))),
  ],
  [
    'the caller was sent what the model said',
    'the goodbye is kept back',
    ({ stream }) => (stream.received = stream.received.slice(0, 36_800)),
  ],
  [
    'the caller was sent what the model said',
    'a tail is dropped long before the cut',
    (call) => {
      sendOnOfAnswer(call, 2_000)
      for (const delta of call.session.deltas) if (delta.itemId === 'item_B') delta.atMs = at(5_000)
      for (const each of call.session.speech) each.startedAtMs = at(7_000)
      for (const each of call.stream.cleared) each.atMs = at(7_000)
    },
  ],
  [
    'what was cut off is not continued after the clear',
    'late deltas are sent on',
    ({ stream }) => {
      const cleared = stream.cleared[0]
      if (cleared !== undefined) cleared.toByte -= 1_600
      stream.played.splice(2, 0, { atMs: at(6_300), fromByte: 35_200, toByte: 36_800 })
    },
  ],
  [
    'every byte sent to the caller was heard, or cleared',
    'a stretch is neither',
    ({ stream }) => Object.assign(stream.cleared[0] ?? {}, { fromByte: 23_000 }),
  ],
  [
    'every byte sent to the caller was heard, or cleared',
    'a stretch is both',
    ({ stream }) => Object.assign(stream.cleared[0] ?? {}, { fromByte: 22_000 }),
  ],
  [
    'the model is told what was heard',
    'it is told what was sent',
    (call) => (item(call, 'item_B').truncatedAtMs = 3_000),
  ],
  ['the model is told what was heard', 'it is told much less', (call) => (item(call, 'item_B').truncatedAtMs = 900)],
  [
    'the model is told what was heard',
    'it is told more than there is',
    (call) => {
      cutAnswerAt(call, 3_000)
      item(call, 'item_B').truncatedAtMs = 3_040
    },
  ],
  ['the model is told what was heard', 'it is told nothing', (call) => (item(call, 'item_B').truncatedAtMs = null)],
  [
    'the model is told what was heard',
    'it forgets what was heard to the end',
    (call) => (item(call, 'item_A').truncatedAtMs = 800),
  ],
  [
    'audio is followed by marks',
    'a mark never comes back',
    ({ stream }) => Object.assign(stream.marks[0] ?? {}, { returnedAtMs: null }),
  ],
  ['audio is followed by marks', 'the end of an item has no mark', ({ stream }) => stream.marks.pop()],
  [
    'the agent is cut off as often as the fixture says',
    'once too often',
    ({ fixture }) => (fixture.expect.bargeIns = 0),
  ],
  [
    'the server hangs up only when everything has been heard',
    'half a goodbye',
    ({ stream }) => Object.assign(stream.played[2] ?? {}, { toByte: 40_000 }),
  ],
]
