// PURE. The timeline: a lane for each voice and each wire, one beneath the other on one time axis. What stands on it stands
// in the list of the page as well, for those who cannot see it.

import type { Axis } from './axis.ts'
import { type Canvas, canvasOf, lane, placed } from './canvas.ts'
import type { Chart } from './chart.ts'
import type { Happening, Lane, Note } from './happening.ts'
import { type Content, type Html, html } from './html.ts'
import { sizeOf } from './sizes.ts'
import { instantText, told } from './spans.ts'
import { stack } from './stack.ts'
import type { Bar } from './thinking.ts'
import { agentLanes, callerLanes, personLanes, waitLane } from './voice-lanes.ts'

const CHIP_CHAR_PX = 6.3
const CHIP_PADDING_PX = 18
const CHIP_ROW_PX = 25
const CHIP_MARGIN_PX = 14
const TIP_LINES_MAX = 14

export function timeline(chart: Chart): Html {
  const { axis, thinking, happenings, streams } = chart
  const canvas = canvasOf(axis)
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Timeline of the call; everything in it is also in the list below">
<div class="sheet" style="--n:${axis.length};--s:${canvas.scale}" data-length="${axis.length}" data-call="${axis.callLength}">
${ruler(axis)}
${group(callerLanes(chart, canvas), waitLane(chart, canvas), agentLanes(chart, canvas), personLanes(chart, canvas))}
${group(barLane('Stream', 'stream', streams, canvas), chipLane(['Carrier', 'Server'], 'carrier', happenings, canvas))}
${group(
  barLane('Session', 'session', thinking.sessions, canvas),
  barLane('Hears', 'speech', thinking.speech, canvas),
  barLane('Answers', 'response', thinking.responses, canvas),
  chipLane(['Server', 'Model'], 'model', happenings, canvas),
)}
${group(chipLane(['Mail'], 'mail', happenings, canvas))}
<div class="cursor" aria-hidden="true"></div>
</div>
</div>`
}

const group = (...lanes: Content[]): Html | null =>
  lanes.every((each) => each === null) ? null : html`<div class="group">${lanes}</div>`

const ruler = ({ ticks, squeeze, callLength }: Axis): Html =>
  lane('', 'ruler', [
    ticks.map(
      ({ place, label, isMajor }) =>
        html`<span class="tick${!isMajor && ' minor'}" style="--x:${place}">${label}</span>`,
    ),
    html`<span class="over" style="--x:${callLength}">${squeeze > 1 && html`<em data-tip="${squeezed(squeeze)}">×${Math.round(squeeze)}</em>`}</span>`,
  ])

const squeezed = (squeeze: number): string =>
  `After the call, time is drawn ${Math.round(squeeze)} times closer together.`

function barLane(name: string, kind: string, bars: Bar[], canvas: Canvas): Html | null {
  if (bars.length === 0) return null
  return lane(
    name,
    `bars ${kind}s`,
    bars.map(({ fromMs, toMs, label, details, tone }) => {
      const tip = [`${label}, ${toMs === null ? 'open to the end' : told(toMs - fromMs)}`, details].join('\n')
      const style = placed(canvas, fromMs, toMs ?? Number.POSITIVE_INFINITY)
      return html`<div class="bar ${kind} ${tone}" style="${style}" data-tip="${tip}"><span class="bar-text">${label}</span></div>`
    }),
  )
}

/** Labels in as many rows as they need, between the lines of two parties or above that of one. */
function chipLane(parties: string[], of: Lane, happenings: Happening[], canvas: Canvas): Html | null {
  const own = happenings.filter(({ lane: its }) => its === of)
  if (own.length === 0) return null
  const labels = own.map((happening) => ({
    place: canvas.axis.place(happening.atMs) * canvas.scale,
    width: chipWidth(happening),
  }))
  const places = stack(labels, canvas.axis.length * canvas.scale)
  const rowCount = Math.max(1, ...places.map(({ row }) => row + 1))
  const chips = own.map((happening, index) => chip(happening, places[index] ?? { row: 0, isLeft: false }, canvas))
  const names = parties.map((party) => html`<span>${party}</span>`)
  return lane(names, parties.length > 1 ? 'chips between' : 'chips', chips, rowCount * CHIP_ROW_PX + CHIP_MARGIN_PX)
}

const chipWidth = ({ label, notes }: Happening): number =>
  CHIP_PADDING_PX + [label, ...notes.map(({ text }) => text)].join('  ').length * CHIP_CHAR_PX

function chip(happening: Happening, { row, isLeft }: { row: number; isLeft: boolean }, canvas: Canvas): Html {
  const { kind, arrow, atMs, causedAtMs, label, notes, isBad } = happening
  const place = placed(canvas, atMs)
  const kinds = [kind, ...(isBad ? ['bad'] : [])].join(' ')
  const delay = html`<i class="delay ${sizeOf('callback', atMs - causedAtMs)}" style="${placed(canvas, causedAtMs, atMs)};--row:${row}"></i>`
  return html`<i class="arrow ${kinds} ${arrow}" style="${place}"></i>${causedAtMs < atMs && delay}<button type="button" class="chip ${kinds}${isLeft && ' left'}" style="${place};--row:${row}" data-at="${canvas.axis.at(atMs)}" data-tip="${tipOf(happening, canvas.axis)}">${label}${notes.map(noteOf)}</button>`
}

export const noteOf = ({ text, size }: Note): Html => html` <b class="note ${size}">${text}</b>`

function tipOf({ route, label, notes, causedAtMs, atMs, body }: Happening, axis: Axis): string {
  const waitedMs = atMs - causedAtMs
  const lines = body === '' ? [] : body.split('\n')
  return [
    `${instantText(axis.at(atMs))} s  ${route}`,
    [label, ...notes.map(({ text }) => text)].join('  '),
    ...(waitedMs > 0 ? [`left ${told(waitedMs)} after what it tells of`] : []),
    ...lines.slice(0, TIP_LINES_MAX),
    ...(lines.length > TIP_LINES_MAX ? ['… the rest is in the list'] : []),
  ].join('\n')
}
