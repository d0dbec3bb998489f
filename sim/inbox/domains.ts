// Resend's domains, as they are listed; none is added or verified here.
// Source: resend.com/docs/api-reference/domains/list-domains.

export type MailDomain = {
  name: string
  status: 'not_started' | 'pending' | 'verified' | 'partially_verified' | 'partially_failed' | 'failed'
}

/** All on one page. */
export const domainList = (domains: readonly MailDomain[]) => ({
  object: 'list',
  has_more: false,
  data: domains.map(({ name, status }, i) => ({
    id: `00000000-0000-4000-9000-${String(i + 1).padStart(12, '0')}`,
    name,
    status,
    created_at: '2026-01-05T09:00:00.000Z',
    region: 'us-east-1',
    capabilities: { sending: 'enabled', receiving: 'disabled' },
  })),
})
