/**
 * Passes in brief batches: the x of each holds until the next is pulled. They are for those who copy what they keep.
 *
 * A pass is a stream whose batches hold for good. A source that copies for that says here how it goes without. What anybody makes of the
 * stream (`Stream.map`, a source around it) is another stream, of which nothing is said.
 */
import type { Stream } from "effect"
import type { Batch } from "../../model/Batch.ts"
import type { DataError } from "./memory.ts"

type Pass = Stream.Stream<Batch, DataError>

const others = new WeakMap<Pass, Pass>()

/** The pass `lasting`, which in brief batches is `brief`. */
export const alsoBrief = (lasting: Pass, brief: Pass): Pass => {
  others.set(lasting, brief)
  return lasting
}

/** The same pass in brief batches, where its source says how. */
export const briefly = (lasting: Pass): Pass | undefined => others.get(lasting)
