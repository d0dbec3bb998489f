// PURE. The rules of the telephone: what the carrier asked, how it was answered, and what it had to log.
import type { Rule } from './case.ts'
import { everyLeg } from './legs.ts'

/** Twilio gives up on any request about a call after this. */
const ANSWER_LIMIT_MS = 15_000
/** Logged whenever the server ends a stream, even when it meant to. */
const SERVER_CLOSED_STREAM = 31921

export const signatureAccepted: Rule = {
  name: 'the server accepts what the carrier signed',
  check: ({ carrier }) =>
    everyLeg(carrier)
      .flatMap(({ documents, deliveries }) => [...documents, ...deliveries])
      .filter(({ status }) => status === 403)
      .map(({ url }) => ({
        explanation: `${url} was answered with 403: is it the right auth token, and the right public URL?`,
      })),
}

export const everyRequestAnswered: Rule = {
  name: 'every request of the carrier is answered, and in time',
  check: ({ carrier }) =>
    everyLeg(carrier)
      .flatMap(({ documents, deliveries }) => [...documents, ...deliveries])
      .flatMap(({ url, status, tookMs }) => {
        if (tookMs >= ANSWER_LIMIT_MS)
          return [{ explanation: `${url} took ${Math.round(tookMs)} ms; Twilio gives up after ${ANSWER_LIMIT_MS}` }]
        if (status === 403 || (status >= 200 && status < 300)) return []
        return [{ explanation: `${url} was answered with ${status || 'nothing'}` }]
      }),
}

export const problemsAsExpected: Rule = {
  name: 'the carrier logs no problem but those that the fixture expects',
  check({ carrier, fixture }) {
    const expected = [...fixture.expect.problems]
    const legs = everyLeg(carrier)
    const isServerClose = legs.some(({ streams }) => streams.some(({ endedBy }) => endedBy === 'server'))
    const problems = legs.flatMap((leg) => leg.problems)
    const unexpected = problems.filter(({ code }) => {
      if (code === SERVER_CLOSED_STREAM && isServerClose) return false
      const place = expected.indexOf(code)
      if (place >= 0) expected.splice(place, 1)
      return place < 0
    })
    return [
      ...unexpected.map(({ code, text }) => ({ explanation: `Twilio would have logged ${code}: ${text}` })),
      ...expected.map((code) => ({ explanation: `Problem ${code} was expected, and was not logged` })),
    ]
  },
}

export const strictModel: Rule = {
  name: 'no rule of the Realtime API is broken, nor of the Responses API',
  check: ({ model }) => [
    ...model.sessions.flatMap(({ sessionId, violations }) =>
      violations.map((text) => ({ explanation: text, evidence: { sessionId } })),
    ),
    ...model.thoughts.flatMap(({ violations }, step) =>
      violations.map((text) => ({ explanation: text, evidence: { step } })),
    ),
  ],
}

export const callCompletes: Rule = {
  name: 'the call ends, and the carrier knows how',
  check({ carrier, fixture }) {
    if (carrier.endedAtMs === null) return [{ explanation: 'The call never ended' }]
    if (!fixture.expect.isRouted && carrier.endedBy !== 'server')
      return [{ explanation: 'No clinic has the number, but the server left the caller on the line' }]
    if (!fixture.expect.isRouted && carrier.said.length === 0)
      return [{ explanation: 'No clinic has the number, and nobody told the caller so' }]
    return []
  },
}
