// Gets a TwiML document: from a URL, or from a REST request that brought it along. Judges the answer's type as Twilio does.
// Source: twilio.com/docs/voice/twiml#twilio-understands-mime-types; the number for other types [mem].
import type { Source, Stage } from './activity.ts'
import { type Problem, problemCode } from './problems.ts'
import type { Fields } from './signature.ts'
import { parseTwiml, type Verb } from './twiml.ts'

/** `url` is null for TwiML that came by REST. */
export type TwimlDocument = { url: string | null; verbs: Verb[] }

export type DocumentReading = { ok: true; document: TwimlDocument } | { ok: false; problem: Problem; url: string }

const TWIML_TYPES = ['text/xml', 'application/xml', 'text/html']

/** Reads the document; warnings are logged, and the fetch is kept in the call's record. A void one may be anything. */
export async function readDocument(
  source: Source,
  fields: Fields,
  stage: Stage,
  isVoid: () => boolean,
): Promise<DocumentReading> {
  if (source.from === 'request') return parsed(source.twiml, null, stage)
  const url = stage.resolve(source.url)
  if (url === null) return { ok: false, url: source.url, problem: { code: problemCode.invalidUrl, text: 'Not a URL' } }

  const atMs = stage.clock.now()
  const { authToken, random, record, jar } = stage
  const asked = { url, method: source.method, fields, authToken, random, jar }
  const answer = await stage.exchange.send({ ...asked, wire: 'webhook' })
  const text = new TextDecoder().decode(answer.body)
  record.documents.push({ atMs, url, status: answer.status, body: text, tookMs: answer.tookMs })
  if (!answer.ok) return { ok: false, url, problem: answer.problem }

  if (isVoid()) return { ok: true, document: { url, verbs: [] } }
  const { contentType } = answer
  if (TWIML_TYPES.includes(contentType)) return parsed(text, answer.url, stage)
  if (contentType === 'text/plain') {
    const reading = parsed(text, answer.url, stage)
    return reading.ok ? reading : spoken(text, answer.url)
  }
  if (contentType.startsWith('audio/')) return played(answer.url)
  const problem = { code: problemCode.contentType, text: `Cannot take content type ${contentType || '(none)'}` }
  return { ok: false, url, problem }
}

function parsed(text: string, url: string | null, stage: Stage): DocumentReading {
  const reading = parseTwiml(text)
  if (!reading.ok) return { ok: false, problem: reading.problem, url: url ?? '' }
  for (const warning of reading.warnings) stage.log(warning)
  return { ok: true, document: { url, verbs: reading.verbs } }
}

const spoken = (text: string, url: string): DocumentReading => ({
  ok: true,
  document: { url, verbs: [{ verb: 'Say', text, loops: 1 }, { verb: 'Hangup' }] },
})

const played = (url: string): DocumentReading => ({
  ok: true,
  document: { url, verbs: [{ verb: 'Play', url, digits: '', loops: 1 }, { verb: 'Hangup' }] },
})
