// PURE. The lanes of the two voices: their sound, heard and unheard, their words beneath, the marks that came back, and
// between the two how long each waited for the other.
import { BYTES_PER_MS } from '../audio.ts'
import { type Canvas, lane, placed } from './canvas.ts'
import type { Chart } from './chart.ts'
import { type Html, html } from './html.ts'
import { type Measured, sizeOf } from './sizes.ts'
import { instantText, told } from './spans.ts'
import { stack } from './stack.ts'
import type { Turn } from './turns.ts'
import type { Cut, Hole, Marks, Run } from './voices.ts'
import { COLUMN_MS, waveformOf } from './waveform.ts'

const WORD_CHAR_PX = 6.6
const WORD_LINE_PX = 16
const WORD_LINES_MAX = 4
/** Narrower than this, words cannot be read. */
const WORD_WIDTH_MIN_PX = 84
const WORD_GAP_PX = 6
const WAIT_CHAR_PX = 6
const WAIT_ROW_PX = 20

export const callerLanes = ({ voices, turns, axis }: Chart, canvas: Canvas): Html[] => [
  lane('Caller', 'voice', [waves([voices.caller], 'caller', canvas), holes(voices.holes, 'caller', canvas)]),
  wordLane(
    turns.filter(({ speaker }) => speaker === 'caller'),
    canvas,
    axis.length,
  ),
]

export function agentLanes({ voices, turns, axis }: Chart, canvas: Canvas): Html[] {
  const { heard, unheard, cuts, marks } = voices
  const own = turns.filter(({ speaker }) => speaker === 'agent' || speaker === 'carrier')
  return [
    lane('Agent', 'voice', [
      own.filter(({ speaker }) => speaker === 'carrier').map((turn) => notice(turn, canvas)),
      waves(
        unheard.map((run) => untilNext(run, heard)),
        'unheard',
        canvas,
      ),
      waves(heard, 'heard', canvas),
      holes(voices.holes, 'agent', canvas),
      cuts.map((cut) => cutLine(cut, canvas)),
    ]),
    marks.length > 0
      ? lane(
          'Marks',
          'marks',
          marks.map((group) => markTick(group, canvas)),
        )
      : null,
    wordLane(own, canvas, axis.length),
  ].filter((each) => each !== null)
}

/** Whoever the caller was put through to; nothing where they were not. */
export function personLanes({ voices, turns, axis }: Chart, canvas: Canvas): Html[] {
  if (voices.person.length === 0) return []
  const own = turns.filter(({ speaker }) => speaker === 'person')
  return [lane('Person', 'voice', waves(voices.person, 'person', canvas)), wordLane(own, canvas, axis.length)]
}

/** What was not heard would have been under what came next. */
function untilNext(run: Run, heard: Run[]): Run {
  const next = heard.find(({ fromMs }) => fromMs > run.fromMs)
  const toMs = Math.min(run.toMs, next?.fromMs ?? Number.POSITIVE_INFINITY)
  return { ...run, toMs, bytes: run.bytes.subarray(0, Math.max(0, Math.round((toMs - run.fromMs) * BYTES_PER_MS))) }
}

/** Each with a name by which the overview shows it again. */
function waves(runs: Run[], kind: string, canvas: Canvas): Html[] {
  return runs
    .filter(({ bytes }) => bytes.length > 0)
    .map(({ fromMs, toMs, bytes }, index) => {
      const { columns, peaks, body } = waveformOf(bytes)
      const tip = kind === 'unheard' ? `${told(toMs - fromMs)} that the caller did not hear` : false
      return html`<svg class="wave ${kind}" style="${placed(canvas, fromMs, fromMs + columns * COLUMN_MS)}" viewBox="0 0 ${columns} 100" preserveAspectRatio="none" aria-hidden="true"${tip && html` data-tip="${tip}"`}><g id="${kind}${index}"><path class="peaks" d="${peaks}"/><path d="${body}"/></g></svg>`
    })
}

/** The same voices again, small and all at once. */
export function overview({ axis, voices }: Chart): Html {
  const shown = (runs: Run[], kind: string, down: number) =>
    runs
      .filter(({ bytes }) => bytes.length > 0)
      .map(({ fromMs }, index) => {
        const across = (axis.place(fromMs) * 1000) / COLUMN_MS
        return html`<use class="${kind}" href="#${kind}${index}" transform="translate(${across} ${down})"/>`
      })
  return html`<svg viewBox="0 0 ${(axis.length * 1000) / COLUMN_MS} 200" preserveAspectRatio="none" aria-hidden="true">${shown([voices.caller], 'caller', 0)}${shown(voices.unheard, 'unheard', 100)}${shown(voices.heard, 'heard', 100)}${shown(voices.person, 'person', 100)}</svg>`
}

const notice = ({ fromMs, toMs }: Turn, canvas: Canvas): Html =>
  html`<div class="notice" style="${placed(canvas, fromMs, toMs)}" data-tip="The carrier speaks: a sentence of the TwiML"><span>carrier’s voice</span></div>`

function cutLine({ atMs, heardMs, unheardMs, toldMs, reactionMs }: Cut, canvas: Canvas): Html {
  const tip = [
    `${instantText(canvas.axis.at(atMs))} s  the caller cuts in`,
    `heard ${told(heardMs)}, not heard ${told(unheardMs)}`,
    ...(toldMs === null ? ['the model was not told'] : [`the model was told ${told(toldMs)}`]),
    ...(reactionMs === null ? [] : [`silent ${told(reactionMs)} after the caller began`]),
  ].join('\n')
  return html`<button type="button" class="cut" style="${placed(canvas, atMs)}" data-at="${canvas.axis.at(atMs)}" data-tip="${tip}" aria-label="${tip}"><span class="tag">cut in</span></button><span class="tag unsaid" style="${placed(canvas, atMs)}">${told(unheardMs)} not heard</span>`
}

const holes = (all: Hole[], whose: Hole['whose'], canvas: Canvas): Html[] =>
  all
    .filter((hole) => hole.whose === whose)
    .map(({ fromMs, toMs }) => {
      const tip = `${told(toMs - fromMs)} without sound from the ${whose}`
      return html`<div class="hole ${sizeOf('hole', toMs - fromMs)}" style="${placed(canvas, fromMs, toMs)}" data-tip="${tip}"><span class="tag">${told(toMs - fromMs)}</span></div>`
    })

const fates: Record<Marks['fate'], string> = {
  heard: 'returned: the sound before it was heard',
  cleared: 'returned because of a clear: not heard',
  lost: 'never returned',
}

function markTick({ atMs, count, fate, names }: Marks, canvas: Canvas): Html {
  const tip = `${count === 1 ? `mark ${names[0] ?? ''}` : `${count} marks`} ${fates[fate]}`
  return html`<i class="mark ${fate}" style="${placed(canvas, atMs)}" data-tip="${tip}"></i>`
}

function wordLane(turns: Turn[], canvas: Canvas, length: number): Html {
  const { axis, scale } = canvas
  const boxes = turns.map((turn, index) => {
    const next = turns[index + 1]
    const roomPx = (next === undefined ? length : axis.place(next.fromMs)) * scale - axis.place(turn.fromMs) * scale
    const spokenPx = (axis.place(turn.toMs) - axis.place(turn.fromMs)) * scale
    const textPx = [turn.text, turn.unheard].join(' ').length * WORD_CHAR_PX
    const wantedPx = Math.max(spokenPx, WORD_WIDTH_MIN_PX, textPx / (WORD_LINES_MAX - 1))
    const widthPx = Math.max(WORD_GAP_PX, Math.min(wantedPx, roomPx - WORD_GAP_PX))
    return { turn, widthPx, lines: Math.min(WORD_LINES_MAX, Math.ceil(textPx / (widthPx * 0.88))) }
  })
  const lineCount = Math.max(1, ...boxes.map(({ lines }) => lines))
  return lane(
    '',
    'words',
    boxes.map(({ turn, widthPx }) => words(turn, widthPx / scale, canvas)),
    lineCount * WORD_LINE_PX + 10,
  )
}

function words({ speaker, fromMs, toMs, text, unheard, understood }: Turn, width: number, canvas: Canvas): Html {
  const { axis } = canvas
  const tip = [
    `${instantText(axis.at(fromMs))} s  ${speaker}, for ${told(toMs - fromMs)}`,
    ...(text === '' ? [] : [text]),
    ...(unheard === '' ? [] : [`not heard: ${unheard}`]),
    ...(understood === null ? [] : [`understood as: ${understood || '(nothing)'}`]),
  ].join('\n')
  return html`<button type="button" class="turn ${speaker}" style="${placed(canvas, fromMs)};--w:${width}" data-at="${axis.at(fromMs)}" data-from="${axis.at(fromMs)}" data-to="${axis.at(toMs)}" data-tip="${tip}">${text}${unheard !== '' && html` <del>${unheard}</del>`}</button>`
}

const waitWords = { greeting: 'first word after', reply: 'answer after', bargeIn: 'silent after', twiml: '' } as const

/** How long one waited for the other, coloured by how that feels. */
export function waitLane({ waits }: Chart, canvas: Canvas): Html | null {
  if (waits.length === 0) return null
  const { axis, scale } = canvas
  const labels = waits.map(({ what, fromMs, toMs }) => `${waitWords[what]} ${told(toMs - fromMs)}`)
  const places = stack(
    waits.map(({ fromMs, toMs }, index) => ({
      place: axis.place(fromMs) * scale,
      width: Math.max((axis.place(toMs) - axis.place(fromMs)) * scale, (labels[index]?.length ?? 0) * WAIT_CHAR_PX),
    })),
    axis.length * scale,
  )
  const bars = waits.map(({ what, fromMs, toMs }, index) => {
    const { row, isLeft } = places[index] ?? { row: 0, isLeft: false }
    const size = sizeOf(what satisfies Measured, toMs - fromMs)
    return html`<div class="wait ${size}${isLeft && ' left'}" style="${placed(canvas, fromMs, toMs)};--row:${row}"><span class="wait-text">${labels[index] ?? ''}</span></div>`
  })
  const rowCount = Math.max(1, ...places.map(({ row }) => row + 1))
  return lane('Waits', 'waits', bars, rowCount * WAIT_ROW_PX + 6)
}
