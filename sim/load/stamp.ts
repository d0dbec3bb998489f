// PURE. Audio that can be told apart: base64 of telephone silence whose first six bytes name the call and count the piece. A
// server that passes bytes on untouched passes the stamp on, so each piece is known again on the other side.

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const digits = new Int8Array(128).fill(-1)
for (const [value, letter] of [...alphabet].entries()) digits[letter.charCodeAt(0)] = value
/** Two letters, for each value of twelve bits. */
const pairs = Array.from({ length: 4096 }, (_, value) => `${alphabet[value >> 6]}${alphabet[value & 63]}`)

/** The letters of a stamp: four for the call, four for the count. */
export const stampChars = 8
/** Calls and counts are below this; silence itself reads as this minus one, and is nobody's. */
export const stampLimit = 2 ** 24

/** The four letters of a number below `stampLimit`. */
export const letters = (value: number): string => `${pairs[value >> 12]}${pairs[value & 4095]}`

/** The number that four letters stand for; -1 when they are no letters of base64. */
export function readLetters(text: string, at: number): number {
  let value = 0
  for (let place = at; place < at + 4; place++) {
    const digit = digits[text.charCodeAt(place)] ?? -1
    if (digit < 0) return -1
    value = value * 64 + digit
  }
  return value
}

/** What follows a stamp, so that both together are so many bytes of μ-law: silence, which is 0xFF. */
export function afterStamp(audioBytes: number): string {
  const silent = audioBytes - (stampChars / 4) * 3
  return '////'.repeat(Math.floor(silent / 3)) + ['', '/w==', '//8='][silent % 3]
}
