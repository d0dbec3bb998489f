// PURE. A call together with every leg that it led to, and that these led to.
import type { CarrierRecord } from '../record.ts'

export const everyLeg = (call: CarrierRecord): CarrierRecord[] => [call, ...call.legs.flatMap(everyLeg)]
