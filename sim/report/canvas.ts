// PURE. What all lanes share: the scale, the place of a span of time, and the row itself. Places are given in seconds by
// the style properties --x and --w, so that the page can be drawn larger or smaller without being made again.
import type { Axis } from './axis.ts'
import { type Content, type Html, html } from './html.ts'

/** `scale`: pixels a second, at least. */
export type Canvas = { axis: Axis; scale: number }

/** A call of usual length fits a usual window; no second is narrower or wider than this. */
const USUAL_WIDTH_PX = 1_060
const SECOND_MIN_PX = 54
const SECOND_MAX_PX = 120

export const canvasOf = (axis: Axis): Canvas => ({
  axis,
  scale: Math.min(SECOND_MAX_PX, Math.max(SECOND_MIN_PX, Math.floor(USUAL_WIDTH_PX / axis.length))),
})

/** The style of something at an instant, or of a span; what goes beyond the axis ends with it. */
export function placed({ axis }: Canvas, fromMs: number, toMs?: number): string {
  const x = axis.place(fromMs)
  if (toMs === undefined) return `--x:${short(x)}`
  const end = Number.isFinite(toMs) ? Math.min(axis.place(toMs), axis.length) : axis.length
  return `--x:${short(x)};--w:${short(Math.max(0, end - x))}`
}

const short = (value: number): string => String(Math.round(value * 1000) / 1000)

export const lane = (name: Content, kind: string, contents: Content, heightPx?: number): Html =>
  html`<div class="lane ${kind}"><div class="name">${name}</div><div class="track"${heightPx !== undefined && html` style="height:${heightPx}px"`}>${contents}</div></div>`
