// PURE. The whole call as a list, in order of time: what the timeline shows, for those who would rather read it, search it,
// print it or hear it read.
import type { Chart } from './chart.ts'
import type { Note } from './happening.ts'
import { type Content, type Html, html } from './html.ts'
import { noteOf } from './lanes.ts'
import { sizeOf } from './sizes.ts'
import { instantText, told } from './spans.ts'
import type { Turn } from './turns.ts'
import type { Cut } from './voices.ts'

type Line = {
  atMs: number
  toMs: number | null
  kind: string
  who: string
  what: Content
  isBad: boolean
  body: string
}

export function list(chart: Chart): Html {
  const { axis } = chart
  const lines = [
    ...chart.streams.map(
      ({ fromMs, label, details }): Line => ({
        ...usual,
        atMs: fromMs,
        kind: 'call',
        who: 'Carrier → server',
        what: label,
        body: details,
      }),
    ),
    ...chart.happenings.map(
      ({ atMs, kind, route, label, notes, isBad, body }): Line => ({
        ...usual,
        atMs,
        kind,
        who: route,
        what: [label, notes.map(noteOf)],
        isBad,
        body,
      }),
    ),
    ...chart.turns.map(turnLine),
    ...chart.voices.cuts.map(cutLine),
    ...chart.waits.map(({ what, fromMs, toMs }): Line => {
      const note: Note = { text: told(toMs - fromMs), size: sizeOf(what, toMs - fromMs) }
      return { ...usual, atMs: toMs, kind: 'wait', who: 'Wait', what: [waits[what], noteOf(note)] }
    }),
  ].sort((a, b) => a.atMs - b.atMs)
  return html`<table class="list">
<thead><tr><th scope="col">At, s</th><th scope="col">Who</th><th scope="col">What</th></tr></thead>
<tbody>${lines.map((line) => row(line, axis.at))}</tbody>
</table>`
}

const usual = { toMs: null, isBad: false, body: '' }

const waits = {
  greeting: 'from the answered call to the agent’s first word',
  reply: 'from the caller’s last word to the agent’s answer',
  bargeIn: 'from the caller’s first word to the agent’s silence',
  twiml: '',
} as const

const speakers: Record<Turn['speaker'], string> = {
  caller: 'Caller',
  agent: 'Agent',
  person: 'Person',
  carrier: 'Carrier’s voice',
}

const turnLine = ({ speaker, fromMs, toMs, text, unheard, understood }: Turn): Line => ({
  ...usual,
  atMs: fromMs,
  toMs,
  kind: speaker,
  who: speakers[speaker],
  what: html`<q>${text}${unheard !== '' && html` <del title="not heard">${unheard}</del>`}</q>${understood !== null && html` <b class="note noticeable">understood as “${understood}”</b>`}`,
})

const cutLine = ({ atMs, heardMs, unheardMs, toldMs }: Cut): Line => ({
  ...usual,
  atMs,
  kind: 'cuts',
  who: 'Caller',
  what: `cuts in: ${told(heardMs)} were heard, ${told(unheardMs)} were not; the model was ${toldMs === null ? 'not told' : `told ${told(toldMs)}`}`,
})

function row({ atMs, toMs, kind, who, what, isBad, body }: Line, at: (atMs: number) => number): Html {
  const seconds = at(atMs)
  const span = toMs !== null && html` data-from="${seconds}" data-to="${at(toMs)}"`
  return html`<tr class="${kind}${isBad && ' bad'}"${span}><td><button type="button" data-at="${seconds}">${instantText(seconds)}</button></td><th scope="row">${who}</th><td>${body === '' ? what : html`<details><summary>${what}</summary><pre>${body}</pre></details>`}</td></tr>
`
}
