// At a release: records the hashes of the migrations that are not recorded yet, and so makes them unchangeable.
// `bun test/tidy/freeze.ts`
import { join } from 'node:path'
import { hashOf, journalOf, migrationsAreAppendOnly, recordOf, recordPath } from './migrations.ts'
import { readRepository, repositoryRoot } from './tree.ts'

const tree = await readRepository()
const broken = migrationsAreAppendOnly.find(tree)
if (broken.length > 0) {
  console.error(`Cannot freeze: ${broken.map(({ path, what }) => `${path} ${what}`).join(', ')}`)
  process.exit(1)
}
const recorded = recordOf(tree)
const added = journalOf(tree).filter(({ tag }) => !(tag in recorded))
for (const { tag } of added) recorded[tag] = hashOf(tree.texts.get(`drizzle/${tag}.sql`) ?? '')
await Bun.write(join(repositoryRoot, recordPath), `${JSON.stringify(recorded, null, 2)}\n`)
console.log(`${added.length} migrations recorded in ${recordPath}`)
