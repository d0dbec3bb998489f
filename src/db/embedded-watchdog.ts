// A process that outlives the one which started it by a moment: its standard input names the cluster, and ends when that
// process ends, however it does. Then it stops the cluster's server unless somebody else uses it. It asks no file where the
// cluster is: the checkout may be gone by then.
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { stopUnusedServer } from './embedded-server.ts'

// `bun test` tells the children of its process to end when a test takes too long; what has to be seen to has not come yet.
process.on('SIGTERM', () => {})
await stopUnusedServer(JSON.parse(await text(process.stdin)))
process.exit(0)
