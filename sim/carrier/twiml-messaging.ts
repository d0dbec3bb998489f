// TwiML for messages: what is to be sent in answer to one, and where else to ask. Source: twilio.com/docs/messaging/twiml.
import { type Problem, problemCode } from './problems.ts'
import type { Method } from './twiml.ts'
import { reader, type Warn } from './twiml-reader.ts'
import { type Element, parseXml, textOf } from './xml.ts'

export type MessageVerb =
  | {
      verb: 'Message'
      body: string
      mediaUrls: string[]
      /** null: whoever wrote, and the number written to. */
      to: string | null
      from: string | null
      statusCallback: string | null
      /** Asked once the message is on its way. */
      action: string | null
      method: Method
    }
  | { verb: 'Redirect'; url: string; method: Method }

export type MessagingReading = { ok: true; verbs: MessageVerb[]; warnings: Problem[] } | { ok: false; problem: Problem }

export function parseMessagingTwiml(text: string): MessagingReading {
  const xml = parseXml(text)
  const fault = 'fault' in xml ? xml.fault : xml.root.name === 'Response' ? null : 'The root element is not <Response>'
  if (fault !== null || 'fault' in xml)
    return { ok: false, problem: { code: problemCode.documentUnparsable, text: `Document parse failure: ${fault}` } }
  const warnings: Problem[] = []
  const warn: Warn = (words) => warnings.push({ code: problemCode.schemaWarning, text: words })
  const response = reader(xml.root, warn)
  const verbs = response.children().flatMap((element) => verbOf(element, warn) ?? [])
  response.done()
  return { ok: true, verbs, warnings }
}

function verbOf(element: Element, warn: Warn): MessageVerb | null {
  const from = reader(element, warn)
  const method = from.choice('method', ['POST', 'GET'])
  switch (element.name) {
    case 'Message': {
      const nouns = from.children()
      const ofKind = (name: string) => nouns.filter((noun) => noun.name === name).map(textOf)
      const [body = from.ownText()] = ofKind('Body')
      for (const { name } of nouns)
        if (name !== 'Body' && name !== 'Media') warn(`<Message> takes <Body> and <Media>, not <${name}>`)
      const message: MessageVerb = {
        verb: 'Message',
        body,
        mediaUrls: ofKind('Media'),
        to: from.string('to'),
        from: from.string('from'),
        statusCallback: from.string('statusCallback'),
        action: from.string('action'),
        method,
      }
      from.done()
      return message
    }
    case 'Redirect':
      return { verb: 'Redirect', url: from.text(), method }
    default:
      warn(`<${element.name}> is not a verb of messages`)
      return null
  }
}
