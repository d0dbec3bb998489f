// Phone numbers in E.164 form. Form only: numbers for fiction (+1 555 …) are not assignable, and the demo lives on them.

const e164 = /^\+[1-9]\d{6,14}$/

export const isE164 = (value: string): boolean => e164.test(value)

/** For people's eyes in logs and pages that must not show a number: the last two digits. */
export const maskedPhone = (value: string): string => `…${value.slice(-2)}`
