// What the telephone's handlers share: the house's dependencies, and what was built once upon them.
import type { InstructionsCache } from '../agents/instructions.ts'
import type { Bridge } from '../bridge/session.ts'
import type { Deps } from '../deps.ts'
import type { Accounts } from '../organizations/account-store.ts'
import type { Seal } from '../organizations/seal.ts'

export type CallContext = {
  deps: Deps
  accounts: Accounts
  seal: Seal
  instructions: InstructionsCache
  bridge: Bridge
  /** Hears how many events of a live call could not be kept. */
  onLost(count: number): void
}
