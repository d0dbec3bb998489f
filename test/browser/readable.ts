// Whether a person can read what a page shows: every text with its colour and what is behind it, against WCAG's ratio.
import { asGiven, contrastOf, type Pair, type Rgb } from '../support/contrast.ts'

const minContrast = 4.5

export type Painted = { what: string; text: Rgb; behind: Rgb }

/** Every text with the colours that the browser computed for it. */
export const computedPairs = `(() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [red, green, blue, alpha = 1] = channels(getComputedStyle(at).backgroundColor)
      if (alpha === 1) return [red, green, blue]
    }
    return [255, 255, 255]
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found = []
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!node.data.trim() || !element.checkVisibility({ opacityProperty: true })) continue
    found.push({ what: node.data, text: channels(getComputedStyle(element).color).slice(0, 3), behind: behind(element) })
  }
  return found
})()`

export const unreadable = (pairs: Painted[], turn: (pair: Pair) => Pair = asGiven) =>
  pairs.map((pair) => ({ what: pair.what, ratio: contrastOf(turn(pair)) })).filter(({ ratio }) => ratio < minContrast)
