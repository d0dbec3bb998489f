// A process that uses the embedded Postgres of a folder: `bun test/support/embedded-user.ts FOLDER`. It prints the port
// when it has it, and stops when its standard input ends.
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'

const [folder = ''] = process.argv.slice(2)
const postgres = await startEmbeddedPostgres({ folder })
console.log(postgres.port)
process.stdin.resume()
process.stdin.once('end', async () => {
  await postgres.stop()
  process.exit(0)
})
