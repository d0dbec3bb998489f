// PURE. The head of the page: whether all is well, which call it was, how long people waited, what was wrong, and the mail.
import type { Evidence, Violation } from '../audit/case.ts'
import type { Latencies, Waits } from '../audit/latency.ts'
import type { ReportedCall } from './chart.ts'
import { type Html, html } from './html.ts'
import { limitsOf, sizeOf } from './sizes.ts'
import { told } from './spans.ts'

export function head({ evidence, violations, rules, seed, latencies }: ReportedCall): Html {
  const { fixture, carrier } = evidence
  const broken = brokenRules(violations)
  const isWell = broken.length === 0
  return html`<header>
<p class="verdict ${isWell ? 'well' : 'ill'}">${isWell ? `✔ passed: all ${rules.length} rules hold` : `✘ failed: ${broken.length} of ${rules.length} rules do not hold`}</p>
<h1>${fixture.name}</h1>
<p class="about">${fixture.about}</p>
<dl class="facts">${factsOf(evidence, seed).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</header>
${!isWell && violationList(violations, broken)}
${carrier.answeredAtMs !== null && tiles(latencies)}`
}

const brokenRules = (violations: readonly Violation[]): string[] => [...new Set(violations.map(({ rule }) => rule))]

function factsOf({ carrier, server }: Evidence, seed: string): [name: string, value: string][] {
  const { from, to, callSid, status, endedBy, endedAtMs, ringingAtMs } = carrier
  const row = server?.conversation
  return [
    ['From', from],
    ['To', to],
    ['Lasted', endedAtMs === null ? 'never ended' : told(endedAtMs - ringingAtMs)],
    ['Ended', `${status}${endedBy === null ? '' : `, by the ${endedBy}`}`],
    ['Seed', seed],
    row == null ? ['Call', callSid] : ['Session', String(row.session_id)],
    ...(server?.isUnrouted ? [['Clinic', 'none has this number'] as [string, string]] : []),
  ]
}

const tileNames: Record<keyof Latencies, string> = {
  greeting: 'Answer → first word',
  reply: 'Caller’s last word → answer',
  bargeIn: 'Caller cuts in → silence',
  twiml: 'Webhook → TwiML',
}

function tiles(latencies: Latencies): Html {
  const names = ['greeting', 'reply', 'bargeIn', 'twiml'] as const
  const shown = names.flatMap((name) => tile(name, latencies[name]))
  return html`<ul class="tiles" aria-label="How long people waited">${shown}</ul>`
}

function tile(name: keyof Latencies, { count, p50Ms, maxMs }: Waits): Html[] {
  if (p50Ms === null || maxMs === null) return []
  const [fineMs, noticeableMs] = limitsOf(name)
  const times =
    count === 1 ? 'once' : html`median of ${count}, longest <b class="note ${sizeOf(name, maxMs)}">${told(maxMs)}</b>`
  const title = `fine up to ${told(fineMs)}, long beyond ${told(noticeableMs)}`
  return [
    html`<li class="${sizeOf(name, p50Ms)}" title="${title}"><span>${tileNames[name]}</span><strong>${told(p50Ms)}</strong><small>${times}</small></li>`,
  ]
}

function violationList(violations: readonly Violation[], broken: string[]): Html {
  return html`<section class="violations" aria-labelledby="wrong"><h2 id="wrong">What is wrong</h2><ol>${broken.map(
    (rule) =>
      html`<li><strong>${rule}</strong><ul>${violations
        .filter((each) => each.rule === rule)
        .map(
          ({ explanation, evidence }) =>
            html`<li>${explanation}${evidence !== undefined && html`<pre>${JSON.stringify(evidence, null, 2)}</pre>`}</li>`,
        )}</ul></li>`,
  )}</ol></section>`
}

export function ruleList({ rules, violations }: ReportedCall): Html {
  const broken = new Set(brokenRules(violations))
  return html`<details class="rules"><summary>The ${rules.length} rules this call was held to</summary><ul>${rules.map((rule) => html`<li>${broken.has(rule) ? '✘' : '✔'} ${rule}</li>`)}</ul></details>`
}

export const mails = ({ inbox }: Evidence): Html[] =>
  inbox.messages.map(
    ({ to, subject, text }) =>
      html`<article class="mail"><h3>${subject}</h3><p>to ${to.join(', ')}</p><pre>${text}</pre></article>`,
  )
