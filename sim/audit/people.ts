// PURE. The rules of putting callers through: who was rung, what they heard first, that both then heard each other, and that
// nobody was left alone on the line.
import type { BridgeRecord, CarrierRecord } from '../record.ts'
import { type Finding, millis, type Rule } from './case.ts'
import { everyLeg } from './legs.ts'

/** A server that must end a leg by REST when the caller has gone may take as long. */
const ALONE_MS = 2_000
/** What has been said and not yet been heard when a line goes dead, on a machine whose timers are late. */
const UNDER_WAY_MS = 300

export const dialledAsExpected: Rule = {
  name: 'the people are rung whom the fixture names, in order, and no others',
  check({ carrier, fixture }) {
    const { dialled } = fixture.expect
    const strangers = carrier.legs.slice(dialled.length)
    return [
      ...dialled.flatMap((wanted, index) => judgeLeg(wanted, carrier.legs[index])),
      ...strangers.map(({ to }) => ({ explanation: `${to} was rung, which the fixture does not expect` })),
    ]
  },
}

type Wanted = { number: string; status?: string; isBridged?: boolean; hears?: string[] }

function judgeLeg({ number, status, isBridged, hears = [] }: Wanted, leg: CarrierRecord | undefined): Finding[] {
  if (leg === undefined) return [{ explanation: `${number} was never rung` }]
  if (leg.to !== number) return [{ explanation: `${leg.to} was rung where ${number} was expected` }]
  const findings: Finding[] = []
  if (status !== undefined && leg.status !== status)
    findings.push({ explanation: `The call to ${number} ended as ${leg.status}, not ${status}` })
  const hasTalked = leg.bridges.some(({ heard }) => heard.length > 0)
  if (isBridged !== undefined && hasTalked !== isBridged)
    findings.push({ explanation: `${number} was ${hasTalked ? '' : 'not '}put through to the caller` })
  const joinedAtMs = leg.bridges[0]?.joinedAtMs ?? Number.POSITIVE_INFINITY
  const told = leg.said.filter(({ atMs }) => atMs < joinedAtMs).map(({ text }) => text)
  for (const text of hears)
    if (!told.join(' ').includes(text))
      findings.push({ explanation: `${number} was not told "${text}" before the caller came`, evidence: { told } })
  return findings
}

export const nobodyIsLeftAlone: Rule = {
  name: 'when the caller has gone, nobody is left ringing or alone on the line',
  check({ carrier }) {
    const goneAtMs = carrier.endedAtMs
    if (goneAtMs === null) return []
    return carrier.legs.flatMap(({ to, endedAtMs }) => {
      if (endedAtMs !== null && endedAtMs <= goneAtMs + ALONE_MS) return []
      const forMs = endedAtMs === null ? 'ever' : `another ${Math.round(endedAtMs - goneAtMs)} ms`
      return [{ explanation: `The line to ${to} stayed up for ${forMs} after the caller had gone` }]
    })
  },
}

export const bothHear: Rule = {
  name: 'two who are put through hear each other, every byte and in order',
  check({ carrier }) {
    const ends = everyLeg(carrier).flatMap((leg) => leg.bridges.map((bridge) => ({ bridge, who: leg.to })))
    const dials = ends.filter(({ bridge }) => bridge.kind === 'dial')
    return dials.flatMap(({ bridge, who }) =>
      dials
        .filter((other) => other.bridge !== bridge && other.bridge.bridgeSid === bridge.bridgeSid)
        .flatMap((other) => judgeEars(other.bridge, bridge, who)),
    )
  },
}

function judgeEars(speaker: BridgeRecord, listener: BridgeRecord, who: string): Finding[] {
  const said = Buffer.concat(speaker.said.map(({ bytes }) => bytes))
  const heard = Buffer.concat(listener.heard.map(({ bytes }) => bytes))
  if (!said.subarray(0, heard.length).equals(heard) || heard.length > said.length)
    return [{ explanation: `At ${who}’s end something else was heard than the other one said` }]
  const lostMs = millis(said.length - heard.length)
  return lostMs <= UNDER_WAY_MS ? [] : [{ explanation: `At ${who}’s end the last ${lostMs} ms were not heard` }]
}
