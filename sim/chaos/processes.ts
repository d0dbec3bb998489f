// What befalls the processes of a deployment, and its database, while a call is up: who is killed, and that somebody else is
// started in its place, as whatever keeps a deployment running would.
import type { Deployment } from '../deployment.ts'

export type ProcessFault = 'crash' | 'deploy' | 'db-restart'

/** A small Postgres restarts in a second or two. */
const DATABASE_DOWN_MS = 1_500

/** Resolves when everything runs again; null where there is nothing to strike. */
export function strikeProcess(deployment: Deployment, fault: ProcessFault, callSid: string): Promise<unknown> | null {
  switch (fault) {
    case 'crash': {
      const machine = deployment.machineOf(callSid)
      return machine === null ? null : deployment.kill(machine).then(deployment.start)
    }
    case 'deploy':
      return deployment.deploy()
    case 'db-restart':
      return deployment.restartDatabase(DATABASE_DOWN_MS)
  }
}
