// The way of a call through documents: asks the server for one, carries it out, and goes where it leads, until one leads
// nowhere. Source: twilio.com/docs/voice/twiml, availability-reliability (the fallback URL).
import type { Source } from './activity.ts'
import { readDocument, type TwimlDocument } from './documents.ts'
import type { Leg } from './leg.ts'
import { standardParams } from './params.ts'
import { problemCode } from './problems.ts'
import { obey, type Way } from './verbs.ts'

/** `hung-up`: by a verb, or the call is over. `ran-out`: the last document had no verb left. */
export type Ending = 'hung-up' | 'ran-out'

/** Against documents that send the call round in circles. Ours, not Twilio's. */
const DOCUMENTS_MAX = 200
const APPLICATION_ERROR = 'We are sorry, an application error has occurred. Goodbye.'

export async function follow(first: Source, leg: Leg): Promise<Ending> {
  const { stage } = leg
  const { record } = stage

  /** The document, or the fallback's in its place; null when there is neither. */
  async function load(source: Source): Promise<TwimlDocument | null> {
    const fieldsWith = (extra: Record<string, string>) => Object.entries({ ...standardParams(record), ...extra })
    const reading = await readDocument(source, fieldsWith(source.from === 'url' ? source.extra : {}), stage, leg.isVoid)
    if (reading.ok) return reading.document
    stage.log(reading.problem)
    const fallback = leg.fallback()
    if (fallback === null || leg.isVoid()) return null

    const error = { ErrorCode: String(reading.problem.code), ErrorUrl: reading.url }
    const second = await readDocument({ from: 'url', ...fallback, extra: error }, fieldsWith(error), stage, leg.isVoid)
    if (second.ok) return second.document
    stage.log(second.problem)
    return null
  }

  async function carryOut(document: TwimlDocument | null): Promise<Way> {
    const [first] = document?.verbs ?? []
    if (first?.verb === 'Reject' && record.answeredAtMs === null) {
      leg.end('server', first.reason === 'busy' ? 'busy' : 'no-answer')
      return { go: 'nowhere', because: 'hung-up' }
    }
    if (document !== null) {
      leg.setDocumentUrl(document.url)
      return obey(document.verbs, stage, leg.perform)
    }
    await obey([{ verb: 'Say', text: APPLICATION_ERROR, loops: 1 }], stage, leg.perform)
    leg.end('carrier')
    return { go: 'nowhere', because: 'hung-up' }
  }

  function goneInCircles(): null {
    stage.log({ code: problemCode.tooManyRedirects, text: `More than ${DOCUMENTS_MAX} documents in one call` })
    return null
  }

  let source = first
  for (let documents = 1; ; documents++) {
    const document = documents > DOCUMENTS_MAX ? goneInCircles() : await load(source)
    // Also what an action answers after a hang-up: it is asked, and its answer is void.
    if (leg.isOver()) return 'hung-up'
    const way = leg.isVoid() ? nowhere : await carryOut(document)
    // The action of a verb that a redirection cut short is asked first, in vain, as users have seen.
    const next = way.go === 'to' ? way.source : leg.takeRedirection()
    if (next !== null) source = next
    else return way.go === 'nowhere' ? way.because : 'ran-out'
  }
}

const nowhere: Way = { go: 'nowhere', because: 'ran-out' }
