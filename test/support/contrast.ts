// How well text can be read: WCAG's contrast ratio, and what mail programs do to colours in dark mode. Nobody documents
// theirs, so there are three: every channel turned round, lightness turned round, and only what is light made dark.
// Source of the ratio: w3.org/TR/WCAG22, definitions of contrast ratio and relative luminance.

/** Red, green, blue; 0 to 255. */
export type Rgb = [number, number, number]
export type Pair = { text: Rgb; behind: Rgb }

export function contrastOf({ text, behind }: Pair): number {
  const [darker = 0, lighter = 0] = [luminance(text), luminance(behind)].toSorted((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((value) => {
    const share = value / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

export const asGiven = (pair: Pair): Pair => pair

/** How a mail program may show a pair in dark mode. */
export const darkened: Record<string, (pair: Pair) => Pair> = {
  'every channel turned round': ({ text, behind }) => ({ text: negative(text), behind: negative(behind) }),
  'lightness turned round': ({ text, behind }) => ({ text: flipped(text), behind: flipped(behind) }),
  'only the light made dark, and the dark light': ({ text, behind }) => ({
    text: lightness(text) < 0.5 ? flipped(text) : text,
    behind: lightness(behind) > 0.5 ? flipped(behind) : behind,
  }),
}

const negative = ([red, green, blue]: Rgb): Rgb => [255 - red, 255 - green, 255 - blue]

const lightness = (colour: Rgb): number => (Math.max(...colour) + Math.min(...colour)) / 510

/** The same hue and saturation at the opposite lightness: in HSL, that moves all three channels by the same amount. */
function flipped(colour: Rgb): Rgb {
  const shift = (1 - 2 * lightness(colour)) * 255
  const [red = 0, green = 0, blue = 0] = colour.map((value) => Math.min(255, Math.max(0, value + shift)))
  return [red, green, blue]
}

export function fromHex(hex: string): Rgb {
  const [, red = '', green = '', blue = ''] = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex) ?? []
  if (red === '') throw new Error(`Not a colour of six hex digits: ${hex}`)
  return [Number.parseInt(red, 16), Number.parseInt(green, 16), Number.parseInt(blue, 16)]
}
