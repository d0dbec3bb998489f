// A process that outlives the one which started it by a moment: it waits for its standard input to end, which happens
// however that process ended, and then stops the development database unless somebody else uses it.
import process from 'node:process'
import { openCluster } from './embedded-cluster.ts'
import { stopUnusedServer } from './embedded-server.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('Cannot watch: no folder was named')

process.stdin.resume()
process.stdin.once('end', async () => {
  await stopUnusedServer(openCluster(folder, () => {}))
  process.exit(0)
})
