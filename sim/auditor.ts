// PURE. Says whether a call was what it should have been: compares what the carrier, the model and the inbox saw, each from
// its own end, with what the server wrote down and with what the fixture expects. Knows none of the server's code; reckons
// everything again by itself.
import * as audio from './audit/audio.ts'
import * as carrier from './audit/carrier.ts'
import type { Evidence, Rule, Violation } from './audit/case.ts'
import * as clinic from './audit/clinic.ts'
import * as faults from './audit/faults.ts'
import { nothingIsForgotten } from './audit/handover.ts'
import { hear } from './audit/hearing.ts'
import * as keeping from './audit/keeping.ts'
import * as people from './audit/people.ts'
import * as renewal from './audit/renewal.ts'
import * as words from './audit/words.ts'

/** All that must be true of a call, in the order in which a fault is best understood. */
export const rules: readonly Rule[] = [
  carrier.signatureAccepted,
  carrier.everyRequestAnswered,
  carrier.problemsAsExpected,
  carrier.callCompletes,
  carrier.strictModel,
  audio.callerReachedModel,
  audio.modelReachedCaller,
  audio.nothingAfterClear,
  audio.everyByteHasAFate,
  audio.truncatedAtHeard,
  audio.marksReturn,
  audio.bargeInsAsExpected,
  audio.hangUpAfterGoodbye,
  people.dialledAsExpected,
  people.nobodyIsLeftAlone,
  people.bothHear,
  words.transcriptIsWhatWasHeard,
  words.transcriptColumn,
  words.turnsAsExpected,
  words.toolsOnce,
  words.modesAsExpected,
  nothingIsForgotten,
  renewal.greetedOnce,
  renewal.oneVoice,
  renewal.renewalsAsExpected,
  renewal.shortPause,
  clinic.appointmentsAsExpected,
  clinic.patientsAsExpected,
  clinic.messagesAsExpected,
  clinic.refusedAsExpected,
  clinic.auditedAsExpected,
  clinic.untouchedAsExpected,
  clinic.appointmentsCanBeKept,
  clinic.everyLookIsWritten,
  clinic.gateHolds,
  keeping.routedAsExpected,
  keeping.rowIsTrue,
  keeping.rowAsExpected,
  keeping.recordingsKept,
  keeping.exactlyTheMail,
  keeping.mailAfterEverything,
  keeping.wallsHold,
  faults.forgeriesRefused,
  faults.callerGoesOn,
]

/** Those of them that hang on what the fixture's people get to say. */
const talkRules: readonly Rule[] = [
  carrier.problemsAsExpected,
  audio.bargeInsAsExpected,
  people.dialledAsExpected,
  words.turnsAsExpected,
  words.toolsOnce,
  words.modesAsExpected,
  renewal.renewalsAsExpected,
  clinic.appointmentsAsExpected,
  clinic.patientsAsExpected,
  clinic.messagesAsExpected,
  clinic.refusedAsExpected,
  clinic.auditedAsExpected,
  keeping.rowAsExpected,
]

/** Of a capture's replay, which judges by what was seen; the stand-ins, which others are judged by, had no part in it. */
const captureRules: readonly Rule[] = [
  {
    name: 'the call goes as in its capture, on every wire',
    check: ({ parted = [] }) => parted.map((explanation) => ({ explanation })),
  },
  words.transcriptColumn,
  clinic.appointmentsCanBeKept,
  clinic.everyLookIsWritten,
  keeping.rowAsExpected,
  keeping.mailAfterEverything,
  keeping.wallsHold,
]

/** What this call is held to. */
export const rulesFor = (evidence: Evidence): readonly Rule[] =>
  evidence.fixture.capture === undefined ? faults.rulesUnderFaults(rules, talkRules, evidence) : captureRules

/** What can be judged of a call to a server that only the carrier can see. */
export const carrierRules: readonly Rule[] = [
  carrier.signatureAccepted,
  carrier.everyRequestAnswered,
  carrier.callCompletes,
  audio.everyByteHasAFate,
  audio.marksReturn,
  people.nobodyIsLeftAlone,
  people.bothHear,
]

/** Beside those, what can be judged where the server talks with the model's stand-in. */
const wireRules: readonly Rule[] = [
  ...carrierRules,
  audio.modelReachedCaller,
  audio.nothingAfterClear,
  audio.truncatedAtHeard,
  audio.bargeInsAsExpected,
]

/**
 * What holds for a call to a server of somebody else, by what was seen of it. Whoever makes other bytes of the model's is not
 * followed. Whether a caller whose line breaks is taken up again is up to that server.
 */
export function rulesOnTheWires(evidence: Evidence): readonly Rule[] {
  const forged = (evidence.chaos?.forgeries ?? []).length > 0 ? [faults.forgeriesRefused] : []
  return [...faults.rulesUnderFaults(rulesSeen(evidence), talkRules, evidence), ...forged]
}

function rulesSeen({ model: { sessions } }: Evidence): readonly Rule[] {
  if (sessions.length === 0) return carrierRules
  return sessions.some(audio.isNoise) ? [...carrierRules, audio.telephoneFormat] : wireRules
}

/** What is wrong with a call that is over and settled; nothing, if it was right. */
export function audit(evidence: Evidence, held: readonly Rule[] = rulesFor(evidence)): Violation[] {
  const given = { ...evidence, hearing: hear(evidence) }
  return held.flatMap(({ name, check }) => check(given).map((finding) => ({ rule: name, ...finding })))
}
