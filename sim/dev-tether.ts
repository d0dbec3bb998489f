// Loaded into the server that `bun dev` keeps, before the server itself: its standard input ends with `bun dev`, however
// that ended, and the server with it. Otherwise a killed `bun dev` would leave one that holds the port.
import process from 'node:process'

process.stdin.resume()
process.stdin.once('end', () => process.kill(process.pid, 'SIGTERM'))
