// Options of the command line that are JSON: read, checked against their shape, and told with what is wrong where they do not fit.
import { z } from 'zod'
import { type CarrierFaults, carrierFaults } from './carrier/faults.ts'
import { definedOf, modelFaults } from './fixture-shape.ts'
import { Mistake } from './mistake.ts'
import type { ModelFaults } from './model/settings.ts'

/** Throws a Mistake. */
export const modelFaultsIn = (json: string): { text: string; faults: ModelFaults } => ({
  text: json,
  faults: definedOf(readAs(modelFaults, '--model-faults', json)),
})

/** Throws a Mistake. */
export const carrierFaultsIn = (json: string): { text: string; faults: CarrierFaults } => ({
  text: json,
  faults: readAs(carrierFaults, '--carrier-faults', json),
})

function readAs<T>(shape: z.ZodType<T>, option: string, json: string): T {
  const read = shape.safeParse(parsed(option, json))
  if (read.success) return read.data
  throw new Mistake(`${option}: ${z.prettifyError(read.error)}\nsim/fixtures/README.md tells what there is.`)
}

function parsed(option: string, json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (error) {
    throw new Mistake(`${option} ${json}: it is not JSON (${error instanceof Error ? error.message : error}).`)
  }
}
