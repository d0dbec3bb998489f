// PURE. What the signs and colours of the timeline mean, and the keys that steer it.
import type { Chart } from './chart.ts'
import { type Html, html } from './html.ts'
import { limitsOf } from './sizes.ts'
import { told } from './spans.ts'

/** Only what is to be seen in this call. */
export function legend({ voices, happenings }: Chart): Html {
  const has = (kind: string) => happenings.some((happening) => happening.kind === kind)
  const [fineMs, noticeableMs] = limitsOf('reply')
  const entries: [sign: string, text: string, isShown: boolean][] = [
    ['key caller', 'the caller’s voice', true],
    ['key heard', 'the agent’s voice, as heard', voices.heard.length > 0],
    ['key unheard', 'said by the agent and never heard', voices.unheard.length > 0],
    ['key person', 'a person to whom the caller was put through', voices.person.length > 0],
    ['key cut', 'the caller cuts in', voices.cuts.length > 0],
    ['key mark heard', 'a mark returned, heard', voices.marks.some(({ fate }) => fate === 'heard')],
    ['key mark cleared', 'a mark returned, not heard', voices.marks.some(({ fate }) => fate === 'cleared')],
    ['key webhook', 'webhook, and how long its TwiML took', has('webhook')],
    ['key callback', 'callback: #0 is its sequence number, +50 ms how long after what it tells of', has('callback')],
    ['key chaos', 'a fault, put there on purpose', has('chaos')],
    ['key rest', 'REST request', has('rest')],
    ['key tool', 'tool call', has('tool')],
    ['key writing', 'a text asked of a model', has('writing')],
    ['key mail', 'mail', has('mail')],
    ['key fine', `fine (an answer within ${told(fineMs)})`, true],
    ['key noticeable', `noticeable (within ${told(noticeableMs)})`, true],
    ['key long', 'long', true],
  ]
  const shown = entries.filter(([, , isShown]) => isShown)
  return html`<ul class="legend" aria-label="Legend">${shown.map(([sign, text]) => html`<li><i class="${sign}"></i>${text}</li>`)}</ul>
<p class="keys"><kbd>Space</kbd> plays and pauses · <kbd>←</kbd> <kbd>→</kbd> a second, with <kbd>Shift</kbd> five · <kbd>N</kbd> <kbd>P</kbd> next and previous event · <kbd>+</kbd> <kbd>−</kbd> larger and smaller · a click seeks</p>`
}
