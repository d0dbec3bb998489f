// PURE. The rules of a call that was put through faults on purpose: what nobody signed is refused, and a caller whose line
// breaks is not dropped. And which of the fixture's expectations still hold when the talk itself was struck.

import type { Strike } from '../chaos/strikes.ts'
import { touchesTalk } from '../chaos/strikes.ts'
import { type Case, type Evidence, type Finding, joined, type Rule } from './case.ts'
import { exactlyTheMail, judgeMails, judgeRecordings, recordingsKept } from './keeping.ts'

/** By then somebody or something speaks to the caller again: Twilio's way back takes about a second, a new session another. */
const BACK_WITHIN_MS = 20_000

export const forgeriesRefused: Rule = {
  name: 'what nobody signed is refused with 403, and leaves nothing behind',
  check: ({ chaos }) =>
    (chaos?.forgeries ?? []).flatMap(({ url, status, isKept }) => [
      ...(status === 403 ? [] : [{ explanation: `A forged request to ${url} was answered with ${status}, not 403` }]),
      ...(isKept ? [{ explanation: `Something of a forged request to ${url} is in the database` }] : []),
    ]),
}

export const callerGoesOn: Rule = {
  name: 'a caller whose line to the agent breaks hears from us again',
  check(given) {
    const cuts = (given.chaos?.struck ?? []).filter(({ strike }) => breaksLine(strike))
    return cuts.flatMap(({ atMs }) => judgeCut(given, atMs))
  },
}

function breaksLine({ fault }: Strike): boolean {
  return fault === 'ws-cut' || fault === 'model-cut' || fault === 'crash' || fault === 'deploy'
}

function judgeCut({ carrier, model }: Case, cutAtMs: number): Finding[] {
  const goneAtMs = carrier.endedAtMs ?? Number.POSITIVE_INFINITY
  const isPatient = carrier.endedBy !== 'caller' || goneAtMs > cutAtMs + BACK_WITHIN_MS
  // An agent that had said goodbye owes nothing more.
  const hadEnded = model.sessions.some(({ items }) => items.some(({ name }) => name === 'end_call'))
  const heardAgain = [
    ...joined(carrier.streams).played.map(({ atMs }) => atMs),
    ...carrier.said.map(({ atMs }) => atMs),
    ...carrier.bridges.map(({ joinedAtMs }) => joinedAtMs),
  ].some((atMs) => atMs >= cutAtMs && atMs <= cutAtMs + BACK_WITHIN_MS)
  if (heardAgain || !isPatient || hadEnded) return []
  const after = `${Math.round(cutAtMs - carrier.ringingAtMs)} ms into the call`
  return [
    { explanation: `The line broke ${after}, and the caller heard nothing more within ${BACK_WITHIN_MS / 1000} s` },
  ]
}

/** With what is said between the two left out of account. */
const mailsAllTheSame: Rule = { name: exactlyTheMail.name, check: (given) => judgeMails(given, { isWorded: false }) }
const recordingsAllTheSame: Rule = { name: recordingsKept.name, check: judgeRecordings }

/** `talk`: the rules that hold a call to what the fixture's people say. They are void when the talk itself was struck. */
export function rulesUnderFaults(rules: readonly Rule[], talk: readonly Rule[], { chaos, fixture }: Evidence): Rule[] {
  const strikes = (chaos?.struck ?? []).map(({ strike }) => strike)
  if (!fixture.isAltered && !touchesTalk(strikes)) return [...rules]
  return rules
    .filter((rule) => !talk.includes(rule))
    .map((rule) => (rule === exactlyTheMail ? mailsAllTheSame : rule === recordingsKept ? recordingsAllTheSame : rule))
}
