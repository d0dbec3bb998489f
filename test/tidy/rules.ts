// Every rule of the architecture, in the order in which one would explain them.
import { everyTestRuns, noAny, noDoubleCast, noNonNull, noSleep, nothingLeftForLater, sqlInItsPlace } from './habits.ts'
import { acyclic, independentSimulator, layers, oneRuntimeSeam, uncalledRoot } from './layers.ts'
import { journalIsInOrder, migrationsAreAppendOnly } from './migrations.ts'
import { everyImportIsDeclared, everyPackageIsUsed } from './packages.ts'
import { purity, purityIsListed } from './purity.ts'
import { noBarrels, opensWithPurpose, shortFiles, tellingNames } from './shape.ts'
import type { Rule } from './tree.ts'
import { everyExportIsTaken, everyFileIsReached } from './unused.ts'
import { noClinicInCode, noMachinePlaces } from './words.ts'

export const rules: readonly Rule[] = [
  layers,
  independentSimulator,
  uncalledRoot,
  acyclic,
  oneRuntimeSeam,
  purity,
  purityIsListed,
  sqlInItsPlace,
  noClinicInCode,
  noAny,
  noNonNull,
  noDoubleCast,
  nothingLeftForLater,
  everyTestRuns,
  noSleep,
  shortFiles,
  opensWithPurpose,
  tellingNames,
  noBarrels,
  everyExportIsTaken,
  everyFileIsReached,
  everyPackageIsUsed,
  everyImportIsDeclared,
  journalIsInOrder,
  migrationsAreAppendOnly,
  noMachinePlaces,
]
