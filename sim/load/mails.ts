// PURE. Which callers' mails have come: each names the caller's number, however it is written.

export type Mails = { sent: number; missing: number; twice: number }

export function mailsOf(messages: readonly { text: string }[], callers: readonly string[]): Mails {
  const counts = new Map(callers.map((caller) => [caller, 0]))
  for (const { text } of messages) {
    const caller = numbersIn(text).find((number) => counts.has(number))
    if (caller !== undefined) counts.set(caller, (counts.get(caller) ?? 0) + 1)
  }
  const times = [...counts.values()]
  return {
    sent: messages.length,
    missing: times.filter((count) => count === 0).length,
    twice: times.filter((count) => count > 1).length,
  }
}

const numbersIn = (text: string): string[] =>
  (text.match(/\+\d[\d\s().-]{6,20}/g) ?? []).map((number) => number.replace(/[^\d+]/g, ''))
