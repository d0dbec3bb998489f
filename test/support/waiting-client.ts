// A process that locks its organization's row, and then waits for a lock: `bun test/support/waiting-client.ts URL ORGANIZATION`.
import { sql } from 'drizzle-orm'
import { createDatabase } from '../../src/db/pool.ts'

const [url = '', id = ''] = process.argv.slice(2)
await createDatabase({ url, maxConnections: 1 }).withOrg(id, async (tx) => {
  await tx.execute(sql`select from organizations where id = ${id} for update`)
  await tx.execute(sql`insert into members (organization_id, id, name, email, role)
    values (${id}, gen_random_uuid(), 'Ada', 'ada@clinic.example', 'staff')`)
})
