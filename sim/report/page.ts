// PURE. The page of one call: one HTML file that needs nothing else, not even a network, and that lets nothing in it run
// but its own script. Equal calls give equal bytes.
import { createHash } from 'node:crypto'
import { BYTES_PER_MS, writeMulawWav } from '../audio.ts'
import type { CarrierRecord } from '../record.ts'
import { tracksOf } from '../tracks.ts'
import { type Chart, chartOf, type ReportedCall } from './chart.ts'
import { head, mails, ruleList } from './facts.ts'
import { Html, html } from './html.ts'
import { timeline } from './lanes.ts'
import { legend } from './legend.ts'
import { list } from './list.ts'
import pageStyle from './page.css' with { type: 'text' }
import { followCall } from './player.ts'
import timelineStyle from './timeline.css' with { type: 'text' }
import { overview } from './voice-lanes.ts'

/** Beyond this the sound would make the page too heavy to open: a second is 21 kB. */
const SOUND_MS_MAX = 10 * 60_000

export function reportPage(call: ReportedCall): string {
  const { evidence, violations, repeat } = call
  const chart = chartOf(call)
  const title = `${violations.length === 0 ? '✔' : '✘'} ${evidence.fixture.name}: call report`
  const script = `(${followCall.toString()})()`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; media-src data:; script-src 'sha256-${hashOf(script)}'">
<title>${title}</title>
<style>${new Html(pageStyle + timelineStyle)}</style>
</head>
<body>
<main>
${head(call)}
<section aria-labelledby="timeline">
<h2 id="timeline">The call</h2>
${player(chart, evidence.carrier)}
${timeline(chart)}
${legend(chart)}
</section>
<section aria-labelledby="order">
<h2 id="order">In order</h2>
${list(chart)}
</section>
${evidence.inbox.messages.length > 0 && html`<section aria-labelledby="mail"><h2 id="mail">Mail</h2>${mails(evidence)}</section>`}
${ruleList(call)}
<footer><p>The same call again: <code>${repeat}</code></p></footer>
</main>
<div class="tip" role="tooltip" hidden></div>
<script>${new Html(script)}</script>
</body>
</html>
`.text
}

const hashOf = (script: string): string => createHash('sha256').update(script).digest('base64')

/** The sound, and what it is steered with; without a script, the browser's own controls. */
function player(chart: Chart, carrier: CarrierRecord): Html {
  const { axis } = chart
  const { startMs, caller, agent } = tracksOf(carrier)
  const hasSound = caller.length > 0 && caller.length <= SOUND_MS_MAX * BYTES_PER_MS
  const sound = hasSound && Buffer.from(writeMulawWav([caller, agent])).toString('base64')
  return html`<div class="player">
${hasSound ? html`<audio controls preload="auto" data-offset="${axis.at(startMs)}" src="data:audio/wav;base64,${sound}"></audio>` : html`<p>${caller.length > 0 ? 'Too long to be kept in a page: the sound is in call.wav.' : 'There was nothing to hear.'}</p>`}
<div class="controls" hidden>
<button type="button" class="play" aria-label="Play"${!hasSound && html` disabled`}>▶</button>
<span class="clock" aria-hidden="true">0.0 s</span>
<span class="zoom"><button type="button" data-zoom="out" aria-label="Draw the timeline smaller">−</button><button type="button" data-zoom="in" aria-label="Draw the timeline larger">+</button></span>
</div>
<div class="overview" role="slider" tabindex="0" aria-label="Place in the call" aria-valuemin="0" aria-valuemax="${axis.callLength}" aria-valuenow="0" aria-valuetext="0.0 seconds" style="--n:${axis.length}">
${overview(chart)}
<span class="window"></span><span class="needle"></span>
</div>
</div>`
}
