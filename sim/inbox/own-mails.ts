// PURE. Of a server that has had calls before, mails of theirs may come while another call is up: they are none of its business.
import type { InboxRecord } from '../record.ts'

/** `othersKeys`: of the mails that the server has planned for other conversations. A mail that nobody planned stays. */
export function ownMails({ messages, requests }: InboxRecord, othersKeys: ReadonlySet<string>): InboxRecord {
  const isOwn = ({ idempotencyKey }: { idempotencyKey: string | null }): boolean =>
    idempotencyKey === null || !othersKeys.has(idempotencyKey)
  return { messages: messages.filter(isOwn), requests: requests.filter(isOwn) }
}
