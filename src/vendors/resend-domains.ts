// Whether mail from a domain is let out: for whoever looks after a deployment, before a clinic waits for its mail.
// Source: resend.com/docs/api-reference/domains/list-domains.
import { Resend } from 'resend'
import { type Outcome, ok, problem } from '../lib/outcome.ts'

/** unavailable: no answer. refused: the key is not taken. narrow: the key may send, and may not look at domains. */
export type DomainProblem = 'unavailable' | 'refused' | 'narrow'

/** Resend's status of the domain, such as `verified` or `pending`; null when the account has none of that name. */
export async function domainStatus(
  options: { apiKey: string; baseUrl: string; timeoutMs: number },
  domain: string,
): Promise<Outcome<string | null, DomainProblem>> {
  const resend = new Resend(options.apiKey, { baseUrl: options.baseUrl })
  const signal = AbortSignal.timeout(options.timeoutMs)
  const answer = await resend.domains.list({ limit: mostDomains }, { signal }).catch(() => null)
  if (answer === null) return problem('unavailable', 'Resend gave no answer in time')
  if (answer.error === null) {
    const found = answer.data?.data.find(({ name }) => name.toLowerCase() === domain.toLowerCase())
    return ok(found?.status ?? null)
  }
  const { name, statusCode } = answer.error
  if (name === 'restricted_api_key') return problem('narrow', 'the key may send, and may not look at domains')
  const isRefused = statusCode === 401 || statusCode === 403
  return isRefused
    ? problem('refused', `Resend does not take the key (${statusCode})`)
    : problem('unavailable', `Resend answered ${statusCode ?? 'nothing'}`)
}

/** Resend's most for a page. */
const mostDomains = 100
