// Carries out a TwiML document, verb by verb. Verbs that take time become the call's activity; the others say where the
// call goes. The end of the document ends the call. Sources: twilio.com/docs/voice/twiml and the page of each verb.
import type { Activity, Next, Source, Stage } from './activity.ts'
import { dial } from './dial.ts'
import { gather } from './gather.ts'
import { recordCaller } from './record-verb.ts'
import { sound } from './sounds.ts'
import { openStream } from './stream.ts'
import type { Verb } from './twiml.ts'

/** Verbs that last. */
type LastingVerb = Exclude<Verb, { verb: 'Hangup' | 'Reject' | 'Redirect' | 'Start' | 'Stop' }>
type Of<Name extends Verb['verb']> = Extract<Verb, { verb: Name }>

/** Where a call goes after a document. */
export type Way = { go: 'to'; source: Source } | { go: 'nowhere'; because: 'hung-up' | 'ran-out' }

/** Lets an activity run; answers null when the call ended or was redirected meanwhile and the document is void. */
export type RunActivity = (activity: Activity) => Promise<Next | null>

export async function obey(verbs: readonly Verb[], stage: Stage, run: RunActivity): Promise<Way> {
  if (verbs.length === 0) stage.answer()
  for (const verb of verbs) {
    if (verb.verb !== 'Dial' || !verb.isAnsweredOnBridge) stage.answer()
    switch (verb.verb) {
      case 'Hangup':
      case 'Reject':
        return { go: 'nowhere', because: 'hung-up' }
      case 'Redirect':
        return { go: 'to', source: { from: 'url', url: verb.url, method: verb.method, extra: {} } }
      case 'Start':
        start(verb.starts, stage)
        break
      case 'Stop':
        stage.stopFork(verb.name)
        break
      default: {
        const next = await run(perform(verb, stage))
        if (next === null) return { go: 'nowhere', because: 'ran-out' }
        if (next.go === 'to') return next
      }
    }
  }
  return { go: 'nowhere', because: 'ran-out' }
}

function perform(verb: LastingVerb, stage: Stage): Activity {
  switch (verb.verb) {
    case 'Say':
    case 'Play':
    case 'Pause':
      return sound(verb, stage)
    case 'Record':
      return recordCaller(verb, stage)
    case 'Gather':
      return gather(verb, stage)
    case 'Dial':
      return dial(verb, stage)
    case 'Connect':
      return connect(verb, stage)
  }
}

/** What goes on beside the verbs that follow. */
function start(what: Of<'Start'>['starts'], stage: Stage): void {
  if (what.kind === 'stream') {
    stage.fork(what.stream)
    return
  }
  const { channels, track, callback } = what
  const resolved = callback && { ...callback, url: stage.resolve(callback.url) ?? '' }
  stage.startRecording({ channels, track, source: 'StartCallRecordingAPI', callback: resolved })
}

function connect({ action, method, stream }: Of<'Connect'>, stage: Stage): Activity {
  const activity = openStream(stream, stage)
  if (action === null) return activity
  // Asked for however the stream ended, as the page of <Connect> says: also when the call is over and the answer is void.
  const next: Next = { go: 'to', source: { from: 'url', url: action, method, extra: {} } }
  return { ...activity, finished: activity.finished.then(() => next) }
}
