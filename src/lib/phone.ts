// Phone numbers in E.164 form. Form only: numbers for fiction (+1 555 …) are not assignable, and the demo lives on them.

const e164 = /^\+[1-9]\d{6,14}$/

export const isE164 = (value: string): boolean => e164.test(value)

/** ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE, spelt on a telephone's keys: they have the form, and are nobody's. */
const spelt = new Set(['+266696687', '+7378742833', '+2562533', '+8656696', '+8566696', '+86282452253'])

/** Whether a caller can be known, and called back, by this. */
export const isSomebodysNumber = (value: string): boolean => isE164(value) && !spelt.has(value)

/**
 * A number as somebody says or writes it, in E.164 form; null when it cannot be one. Without a country code it is taken to be
 * of the North American plan where `near`, a number in E.164 form, is.
 */
export function e164Of(said: string, near: string | null): string | null {
  const bare = said.replace(/[\s().\-/]/g, '').replace(/^00/, '+')
  if (isE164(bare)) return bare
  const isNorthAmerican = near?.startsWith('+1') ?? false
  if (isNorthAmerican && /^1?[2-9]\d{9}$/.test(bare)) return `+${bare.length === 10 ? '1' : ''}${bare}`
  return null
}
