// Drizzle hands every statement to postgres.js as `unsafe`, which by itself is parsed, described and planned anew each time,
// at the cost of one more round trip. Through this client it is prepared once per connection, by its text.
import type postgres from 'postgres'

/**
 * The same client, and the same within its transactions, whose `unsafe` statements are prepared. Texts are few: they come
 * from our own code, with values as parameters.
 */
export function preparing<Client extends postgres.Sql | postgres.TransactionSql>(client: Client): Client {
  const prepared: Pick<postgres.TransactionSql, 'unsafe' | 'savepoint'> & Pick<postgres.Sql, 'begin'> = {
    unsafe: (text, values, options) => client.unsafe(text, values, { ...options, prepare: true }),
    begin: within(client, 'begin'),
    savepoint: within(client, 'savepoint'),
  }
  return new Proxy(client, {
    get: (target, name) => Reflect.get(name in prepared ? prepared : target, name),
  })
}

/** The last argument of either is what runs with the inner client. */
function within(client: object, name: 'begin' | 'savepoint') {
  return (...given: unknown[]) => {
    const run = given.pop() as (inner: postgres.TransactionSql) => unknown
    const begin = Reflect.get(client, name) as (...given: unknown[]) => Promise<never>
    return begin(...given, (inner: postgres.TransactionSql) => run(preparing(inner)))
  }
}
