// PURE. Tells from a database's address whether a transaction pooler stands in between, as Supabase's does on port 6543.
// Behind one no session lasts: nothing can be prepared, and nothing can be listened to.

export function leadsThroughPooler(address: string): boolean {
  const url = new URL(address)
  return url.port === '6543' || url.searchParams.get('pgbouncer') === 'true'
}
