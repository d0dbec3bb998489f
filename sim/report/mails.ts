// PURE. What was asked of the mail carrier: each request, with what became of it.
import type { Evidence } from '../audit/case.ts'
import { type Happening, plain } from './happening.ts'

export function mailsOf({ inbox }: Evidence): Happening[] {
  const known = new Set<string>()
  return inbox.requests.map(({ atMs, idempotencyKey, status, error }) => {
    const isRepeat = idempotencyKey !== null && known.has(idempotencyKey)
    if (idempotencyKey !== null) known.add(idempotencyKey)
    const letter = inbox.messages.find((message) => message.idempotencyKey === idempotencyKey)
    const isBad = status < 200 || status >= 300
    return plain({
      lane: 'mail',
      kind: 'mail',
      route: 'Server → mail',
      arrow: 'down',
      atMs,
      label: letter?.subject ?? 'a request',
      notes: [
        ...(isRepeat ? [{ text: 'again', size: 'noticeable' as const }] : []),
        ...(isBad
          ? [{ text: `${status === 0 ? 'no answer' : status} ${error ?? ''}`.trim(), size: 'long' as const }]
          : []),
      ],
      isBad,
      body: letter === undefined ? '' : `To: ${letter.to.join(', ')}\n\n${letter.text}`,
    })
  })
}
