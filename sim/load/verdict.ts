// PURE. What is wrong with a load, in plain words: nothing, if no call, no frame and no mail was lost, and none came twice. How
// long anything took is no part of it: that depends on the machine.
import type { LoadEnd } from './load.ts'

/** The generator's own timers may be this late, at their 99th percentile; beyond it the latencies are its own. */
export const lateLimitMs = 10

export const isTrusted = ({ lateness }: Pick<LoadEnd, 'lateness'>): boolean => (lateness.p99 ?? 0) <= lateLimitMs

export function problemsOf(end: LoadEnd, callsLeft: number | null): string[] {
  const { counts, why, mails, sendsMails, wish } = end
  const problems = why.map(({ reason, count }) => `${calls(count)} lost: ${reason}`)
  const knowsModel = sendsMails || counts.callerFramesHeard > 0
  if (knowsModel) {
    const lost = counts.callerFrames - counts.callerFramesHeard
    if (lost > 0) problems.push(`${lost} frames of callers never came to the model`)
    if (counts.callerFramesRepeated > 0) problems.push(`${counts.callerFramesRepeated} frames came to the model twice`)
    const unheardBytes = counts.agentBytes - counts.agentBytesPlayed
    if (unheardBytes > 0) problems.push(`${Math.ceil(unheardBytes / 160)} frames of the agent never came to callers`)
    if (unheardBytes < 0) problems.push(`${Math.ceil(-unheardBytes / 160)} frames of the agent came to callers twice`)
  }
  if (sendsMails || mails.sent > 0) {
    if (mails.missing > 0) problems.push(`${mails.missing} of ${wish.calls} calls have no mail`)
    if (mails.twice > 0) problems.push(`${calls(mails.twice)} had more than one mail`)
  }
  if (end.webhooksRefused > 0)
    problems.push(`${end.webhooksRefused} requests of the carrier were not answered as they should be`)
  if (callsLeft !== null && callsLeft > 0)
    problems.push(`the server still has ${calls(callsLeft)} in hand after the last one ended`)
  return problems
}

const calls = (count: number): string => `${count} call${count === 1 ? '' : 's'}`
