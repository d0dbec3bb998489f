// PURE. Tells of people whom the server rings for the caller, and of what else befalls a call by TwiML and REST: keys that are
// gathered, machines that are detected, and who is put through to whom.
import type { Line, Tone } from './console-layout.ts'
import type { TraceEntry } from './trace.ts'
import { objectOf } from './wording.ts'

/** What a person does, and what is done to them. */
export function tellPerson(entry: TraceEntry): Line[] {
  const { what, from, body } = entry
  const { number, words, text, digits, status, problem } = objectOf(body)
  const told = (label: string, news: string, tone: Tone) => [{ atMs: entry.atMs, label, text: news, tone }]
  switch (what) {
    case 'ringing':
      return told('rings', `the telephone of ${String(number)}`, 'strong')
    case 'answered':
      return told('person', `${String(number)} answers`, 'strong')
    case 'say':
      return from === 'person' ? told('person', String(words), 'caller') : told('whisper', String(text), 'quiet')
    case 'press':
      return told('person', `presses ${String(digits)}`, 'caller')
    case 'beep':
      return told('person', 'is a machine, and beeps', 'caller')
    case 'hang-up':
      return told('person', 'hangs up', 'caller')
    case 'gave up':
      return told('person', String(problem), 'bad')
    case 'ended':
      return told('person', endingOf(String(status), String(number)), status === 'completed' ? 'quiet' : 'warning')
    default:
      return tellPutThrough(entry)
  }
}

const endings: Record<string, string> = {
  busy: 'is busy',
  failed: 'cannot be reached',
  'no-answer': 'does not answer',
  canceled: 'rings no more',
}

const endingOf = (status: string, number: string): string => `${number} ${endings[status] ?? 'is off the line'}`

/** What befalls a caller and a person alike; nothing, if it is something else. */
export function tellPutThrough({ atMs, what, to, body }: TraceEntry): Line[] {
  const { with: other, digits, speech, answeredBy, name } = objectOf(body)
  const told = (label: string, text: string, tone: Tone) => [{ atMs, label, text, tone }]
  switch (what) {
    case 'connected':
      return told('connected', `the ${to} and ${String(other)} hear each other`, 'good')
    case 'joined':
      return told('conference', `the ${to} enters ${String(name)}`, 'good')
    case 'gathered':
      if (speech !== undefined) return told('speech', `“${String(speech)}” was understood`, 'quiet')
      return told('keys', digits === '' ? 'none were pressed' : `${String(digits)} were gathered`, 'quiet')
    case 'detected':
      return told('detection', `answered by: ${String(answeredBy)}`, 'quiet')
    case 'beep':
      return told('caller', 'is a machine, and beeps', 'caller')
    default:
      return []
  }
}
