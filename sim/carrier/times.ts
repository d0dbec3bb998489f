// Instants as Twilio writes them: RFC 2822 in calls and recordings, ISO 8601 in stream callbacks, and digits of messages.

/** `Tue, 24 Nov 2026 04:00:00 +0000`. */
export const rfc2822 = (epochMs: number): string => new Date(epochMs).toUTCString().replace('GMT', '+0000')

/** `2026-11-24T04:00:00.000Z`. */
export const iso8601 = (epochMs: number): string => new Date(epochMs).toISOString()

/** `2611240400`: the minute at which a message was delivered. */
export const compactTime = (epochMs: number): string => iso8601(epochMs).replace(/\D/g, '').slice(2, 12)
