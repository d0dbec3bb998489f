// Drizzle hands every statement to postgres.js as `unsafe`, which by itself is parsed, described and planned anew each time,
// at the cost of one more round trip. Through this client it is prepared once per connection, by its text. And postgres.js writes
// a rollback to the connection that has just broken, which brings the process down or leaves the connection dumb for good:
// through this client a transaction whose connection broke is over without one. Nor does it know when a transaction is over: what
// is said in it then would be heard by the next one on that connection, which may be another clinic's.
import type postgres from 'postgres'
import { isConnectionLost } from './query-failed.ts'

/**
 * The same client, and the same within its transactions, whose `unsafe` statements are prepared, if `prepare`. Texts are
 * few: they come from our own code, with values as parameters.
 */
export function preparing<Client extends postgres.Sql | postgres.TransactionSql>(
  client: Client,
  prepare = true,
  isOver = () => false,
): Client {
  const prepared: Pick<postgres.TransactionSql, 'unsafe' | 'savepoint'> & Pick<postgres.Sql, 'begin'> = {
    unsafe(text, values, options) {
      assertGoesOn(isOver)
      return client.unsafe(text, values, { ...options, prepare })
    },
    begin: within(client, 'begin', prepare, isOver),
    savepoint: within(client, 'savepoint', prepare, isOver),
  }
  return new Proxy(client, {
    get: (target, name) => Reflect.get(name in prepared ? prepared : target, name),
  })
}

/** The last argument of either is what runs with the inner client. */
function within(client: object, name: 'begin' | 'savepoint', prepare: boolean, isOuterOver: () => boolean) {
  return async (...given: unknown[]) => {
    assertGoesOn(isOuterOver)
    const run = given.pop() as (inner: postgres.TransactionSql) => Promise<unknown>
    const begin = Reflect.get(client, name) as (...given: unknown[]) => Promise<never>
    let isOver = false
    return await begin(...given, (inner: postgres.TransactionSql) =>
      run(preparing(inner, prepare, () => isOver || isOuterOver()))
        .finally(() => {
          isOver = true
        })
        .catch((error) => (isConnectionLost(error) ? never() : Promise.reject(error))),
    )
  }
}

/** Whoever was not waited for any more comes too late. */
function assertGoesOn(isOver: () => boolean): void {
  if (isOver()) throw new Error('Cannot ask the database: the transaction is over')
}

/** What is left of a transaction whose connection broke: that it closed rejects it, and nothing else may be said to it. */
const never = () => new Promise<never>(() => {})
