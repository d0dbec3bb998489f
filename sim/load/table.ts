// PURE. A load as text: the table while it runs, one line where no terminal is, and the end of it.
import type { LoadEnd, Moment } from './load.ts'
import type { SpreadSummary } from './spread.ts'
import { isTrusted, lateLimitMs } from './verdict.ts'

export function tableOf(moment: Moment): string[] {
  const { counts, wish, mailsOut, callerToModel, modelToCaller, webhooks, sendsMails } = moment
  const ofMails = sendsMails ? ` of ${wish.calls}` : ''
  return [
    `${moment.seconds.toFixed(0).padStart(4)} s   calls: ${counts.up} up · ${counts.ended} of ${wish.calls} ended · ${counts.lost} lost · ${counts.resumed} resumed   mails out: ${mailsOut}${ofMails}`,
    '',
    '                      sent      came      lost',
    countRow('caller → model', counts.callerFrames, counts.callerFramesHeard),
    countRow('model → caller', counts.agentBytes / frameBytes, counts.agentBytesPlayed / frameBytes),
    '',
    '  added latency        p50       p95       p99   longest         n',
    latencyRow('caller → model', callerToModel),
    latencyRow('model → caller', modelToCaller),
    latencyRow('webhook → answer', webhooks),
    latencyRow('generator late by', moment.lateness),
    '',
    `  server           ${serverText(moment)}`,
  ]
}

const frameBytes = 160
const whole = (value: number): string => Math.round(value).toLocaleString('en')

const countRow = (name: string, sent: number, came: number): string =>
  `  ${name.padEnd(16)}${whole(sent).padStart(10)}${whole(came).padStart(10)}${whole(sent - came).padStart(10)}`

const latencyRow = (name: string, { n, p50, p95, p99, max }: SpreadSummary): string =>
  `  ${name.padEnd(16)}${[p50, p95, p99, max].map((ms) => msText(ms).padStart(10)).join('')}${whole(n).padStart(10)}`

const msText = (ms: number | null): string =>
  ms === null ? 'unknown' : ms < 100 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`

function serverText({ server }: Pick<Moment, 'server'>): string {
  if (server === null) return 'CPU and memory unknown'
  const { cpuUsPerFrame, cpuShare, memoryPerCallKb, callsPerCore, seconds } = server
  return (
    `${cpuUsPerFrame.toFixed(1)} µs of CPU a media frame · ${cpuShare.toFixed(2)} of a core (${callsPerCore} calls would fill it)` +
    ` · ${memoryPerCallKb.toFixed(0)} kB a call, over ${seconds.toFixed(0)} s`
  )
}

/** Where lines cannot be written over. */
export function lineOf({ seconds, counts, callerToModel, modelToCaller, mailsOut, lateness }: Moment): string {
  const waiting = counts.callerFrames - counts.callerFramesHeard
  return (
    `${seconds.toFixed(0)} s: ${counts.up} up, ${counts.ended} ended, ${counts.lost} lost; ${whole(counts.callerFrames)} frames, ${whole(waiting)} not there (yet);` +
    ` p99 to model ${msText(callerToModel.p99)}, to caller ${msText(modelToCaller.p99)}; ${mailsOut} mails; late by ${msText(lateness.p99)}`
  )
}

/** `problems`: of all waves; null when another wave follows. */
export function endText(end: LoadEnd, problems: readonly string[] | null): string[] {
  const { server, memory, cores, loadAverage } = end
  const memoryText =
    memory === null
      ? []
      : [`memory of the server: ${mb(memory.beforeBytes)} before the first call, ${mb(memory.nowBytes)} after the last`]
  return [
    ...tableOf(end),
    '',
    ...memoryText,
    `${cores} cores; load average ${loadAverage.toFixed(2)} when it began`,
    ...end.complaints.map(({ message, count }) => `the server's log: ${count} × ${message}`),
    ...(isTrusted(end)
      ? []
      : [
          `The latencies are not to be trusted: the generator itself was late (p99 ${msText(end.lateness.p99)}, more than ${lateLimitMs} ms).`,
        ]),
    ...(server === null && end.sendsMails
      ? ['CPU and memory are unknown: no /proc, or all calls were never up at once.']
      : []),
    ...(problems === null ? [''] : verdictText(end, problems)),
  ]
}

function verdictText({ wish, sendsMails }: LoadEnd, problems: readonly string[]): string[] {
  if (problems.length > 0) return [...problems.map((problem) => `✘ ${problem}`), '✘ FAILED']
  return [
    `✔ held: ${wish.calls} calls of ${wish.seconds} s; no frame and no call lost${sendsMails ? ', one mail each' : ''}`,
  ]
}

const mb = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MB`
