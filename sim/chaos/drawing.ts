// PURE. Faults by chance, for calls that are put through many: those that a call on the virtual clock can be put through.
import type { Random } from '../random.ts'
import { catalog, type Fault, type FaultName, faultNames } from './faults.ts'
import { callbackNames } from './parameters.ts'

/** Faults of processes and databases need real time. */
export const virtualFaults: readonly FaultName[] = faultNames.filter((name) => catalog[name].strikes !== 'process')

/** Beside the one that must be there, each of the others is with this chance. */
const OTHERS_SHARE = 0.2
/** Cuts come within this: few fixtures last longer. */
const CUT_WITHIN_MS = 25_000
const SLOWEST_MS = 12_000
const LATEST_AUDIO_MS = 400
/** As often as a server comes back, it may be refused; then the caller gets the tape. */
const REFUSALS_MAX = 6

export function drawFaults(random: Random, must: FaultName): Fault[] {
  const isDrawn = (name: FaultName): boolean => name === must || random.child(`with ${name}`).next() < OTHERS_SHARE
  // A model that is not called again has nobody to refuse.
  const refuses = isDrawn('model-refuses')
  return virtualFaults
    .filter((name) => isDrawn(name) || (name === 'model-cut' && refuses))
    .map((name) => drawFault(name, random.child(name)))
}

function drawFault(fault: FaultName, random: Random): Fault {
  switch (fault) {
    case 'duplicate':
      return { fault, share: random.pick([0.2, 0.5, 1]) }
    case 'delay':
      return { fault, fromMs: 0, toMs: random.pick([2_000, 40_000, 9 * 60_000]) }
    case 'drop':
      return { fault, callbacks: subset(callbackNames, random) }
    case 'slow-webhook':
      return { fault, byMs: random.int(1, SLOWEST_MS) }
    case 'late-audio':
      return { fault, byMs: random.int(50, LATEST_AUDIO_MS) }
    case 'ws-cut':
    case 'model-cut':
    case 'model-expires':
    case 'crash':
    case 'deploy':
    case 'db-restart':
      return { fault, atMs: Array.from({ length: random.int(1, 2) }, () => random.int(500, CUT_WITHIN_MS)) }
    case 'model-refuses':
      return { fault, times: random.int(1, REFUSALS_MAX) }
    case 'reorder':
    case 'early':
    case 'bad-signature':
    case 'mail-timeout':
      return { fault }
  }
}

/** At least one of them. */
function subset<T>(all: readonly T[], random: Random): T[] {
  const sure = random.pick(all)
  return all.filter((each) => each === sure || random.next() < 0.3)
}
