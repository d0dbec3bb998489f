// How the clinic's mail looks: colours, sizes and spaces, as inline styles that every client keeps. Dark text on light in
// tones that stay readable when a client turns them round, so neither pure white nor pure black. Hex and px only, and
// longhand, since Outlook for Windows drops what it does not know. Holds values; what is drawn with them is elsewhere.
import type { CSSProperties } from 'react'

const colours = {
  page: '#eef2f1',
  card: '#fcfdfc',
  ink: '#1c2b2d',
  muted: '#4c5c5d',
  accent: '#0b5f61',
  quote: '#f0f6f5',
} as const

/** Each tone is a pair that may stand on the card. */
export const tones = {
  calm: { backgroundColor: '#e5efe9', color: '#24543a' },
  note: { backgroundColor: '#e4ecf7', color: '#1f4677' },
  warn: { backgroundColor: '#fbedd3', color: '#70420a' },
  alarm: { backgroundColor: '#fae3e0', color: '#87190f' },
} as const
export type Tone = keyof typeof tones

const fontFamily = '-apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif'
const text = (fontSize: number, lineHeight: number, color: string): CSSProperties => ({
  fontFamily,
  fontSize,
  lineHeight: `${lineHeight}px`,
  color,
})
/** Sides that are left out have none: every table here has a cell padding of zero. */
const space = (top: number, right?: number, bottom = top, left = right): CSSProperties => ({
  paddingTop: top,
  paddingRight: right,
  paddingBottom: bottom,
  paddingLeft: left,
})
/** A word without a place to break, as a web address may be, does not push a narrow screen sideways. */
const breakable: CSSProperties = { wordBreak: 'break-word' }
const noMargin: CSSProperties = { marginTop: 0, marginRight: 0, marginBottom: 0, marginLeft: 0 }
const edge = (side: 'Top' | 'Left', width: number, color: string): CSSProperties => ({
  [`border${side}Width`]: width,
  [`border${side}Style`]: 'solid',
  [`border${side}Color`]: color,
})

export const styles = {
  page: { ...noMargin, ...space(0, 0), backgroundColor: colours.page },
  preheader: {
    display: 'none',
    overflow: 'hidden',
    maxHeight: 0,
    maxWidth: 0,
    opacity: 0,
    fontSize: 1,
    lineHeight: '1px',
    color: colours.page,
  },
  container: { width: '100%', maxWidth: 600 },
  masthead: { ...space(28, 32, 12), ...text(13, 20, colours.muted), letterSpacing: '0.4px' },
  card: { backgroundColor: colours.card, borderRadius: 10, ...edge('Top', 4, colours.accent) },
  head: space(26, 32, 0),
  block: space(22, 32, 0),
  foot: { ...space(18, 32, 36), ...text(12, 19, colours.muted) },
  end: { ...text(28, 28, colours.ink) },

  title: { ...breakable, ...noMargin, ...text(22, 30, colours.ink), fontWeight: 600 },
  byline: { ...noMargin, ...space(6, 0, 0), ...text(14, 22, colours.muted) },
  heading: { ...noMargin, ...space(0, 0, 6), ...text(13, 20, colours.accent), fontWeight: 700, letterSpacing: '0.4px' },
  paragraph: { ...breakable, ...noMargin, ...text(16, 25, colours.ink) },
  note: { ...breakable, ...noMargin, ...space(6, 0, 0), ...text(13, 20, colours.muted) },
  badge: { ...space(3, 10), ...text(13, 20, colours.ink), fontWeight: 600, borderRadius: 6 },
  gap: { width: 8, ...text(13, 20, colours.ink) },
  notice: { ...breakable, ...space(12, 16), ...text(14, 22, colours.ink), borderRadius: 6 },
  quote: {
    ...space(14, 16, 14, 18),
    ...text(16, 25, colours.ink),
    backgroundColor: colours.quote,
    ...edge('Left', 3, colours.accent),
  },
  bullet: { ...space(2), ...text(16, 25, colours.accent), width: 20, verticalAlign: 'top' },
  item: { ...breakable, ...space(2), ...text(16, 25, colours.ink), verticalAlign: 'top' },
  term: { ...space(5), ...text(14, 22, colours.muted), width: 126, verticalAlign: 'top' },
  fact: { ...breakable, ...space(5), ...text(14, 22, colours.ink), verticalAlign: 'top' },
  time: { ...space(6), ...text(12, 22, colours.muted), width: 48, verticalAlign: 'top' },
  turn: { ...breakable, ...space(6), ...text(14, 22, colours.ink), verticalAlign: 'top' },
  agent: { color: colours.accent, fontWeight: 600 },
  caller: { color: colours.ink, fontWeight: 600 },
  unheard: { color: colours.muted, fontStyle: 'italic' },
} satisfies Record<string, CSSProperties>
