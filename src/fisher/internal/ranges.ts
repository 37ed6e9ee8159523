/** Which blocks of a pass a walk takes, and whether those that it skips are the ones that were walked before. */
import { Effect, Stream } from "effect"
import { type SnapshotFailure, SnapshotMismatch } from "../../Errors.ts"
import type { Batch } from "../../model/Batch.ts"
import { giveBack, numbersOf } from "../../model/Loan.ts"
import { bytesOf, digestOf } from "./bytes.ts"

/** Why sums cannot be gone on with, or ended, on these examples. */
export const otherExamples = (expected: string, actual: string): SnapshotMismatch =>
  new SnapshotMismatch({
    field: "data",
    expected,
    actual,
    message:
      "The examples are not the ones that the sums were begun with. Give the data that they were begun with, or remove them."
  })

/** A digest of all examples so far, in their order: of the digest before a block, and of the block. */
export interface Examples {
  readonly add: (batch: Batch) => Effect.Effect<void, SnapshotFailure>
  readonly digest: () => string
  /** *Fails* where the examples so far are not those that were recorded before. */
  readonly check: Effect.Effect<void, SnapshotMismatch>
}

/** For walks that nobody will go on with. */
export const noRecord: Examples = { add: () => Effect.void, digest: () => "", check: Effect.void }

/** From the first example on; `due` is what the digest must be where the skipped examples end, if that is known. */
export const record = (due: string | null): Examples => {
  let digest = ""
  return {
    add: (batch) =>
      Effect.map(
        digestOf([
          new TextEncoder().encode(digest),
          ...[numbersOf(batch), batch.indices, ...(batch.labels ? [batch.labels.values] : [])].map(bytesOf)
        ]),
        (next) => {
          digest = next
        }
      ),
    digest: () => digest,
    check: Effect.suspend(() =>
      due === null || due === digest ? Effect.void : Effect.fail(otherExamples(due, digest))
    )
  }
}

/** The blocks up to the one that ends at example `to`. */
export const stopAt =
  (to: number | undefined) =>
  <E, R>(batches: Stream.Stream<Batch, E, R>): Stream.Stream<Batch, E, R> =>
    to === undefined
      ? batches
      : Stream.suspend(() => {
          let seen = 0
          if (to === 0) return Stream.empty
          return batches.pipe(
            Stream.takeUntil((batch) => {
              seen += batch.examples
              return seen >= to
            })
          )
        })

/** The blocks from example `from` on. *Fails* `SnapshotMismatch` where no block begins there: it is other data. */
export const skipTo =
  (from: number, data: Examples) =>
  <E, R>(
    batches: Stream.Stream<Batch, E, R>
  ): Stream.Stream<Batch, E | SnapshotMismatch | SnapshotFailure, R> =>
    from === 0
      ? batches
      : Stream.suspend(() => {
          let seen = 0
          const rest = batches.pipe(
            Stream.mapEffect((batch) => {
              const begins = seen
              seen += batch.examples
              if (begins >= from) return Effect.succeed({ batch, begins })
              if (seen > from) return Effect.fail(otherData(from, `a block from ${begins} to ${seen}`))
              return data.add(batch).pipe(
                Effect.andThen(seen === from ? data.check : Effect.void),
                Effect.tap(() => Effect.sync(() => giveBack(batch))),
                Effect.as({ batch, begins })
              )
            }),
            Stream.filter(({ begins }) => begins >= from),
            Stream.map(({ batch }) => batch)
          )
          const end = Stream.suspend(() =>
            seen >= from ? Stream.empty : Stream.fail(otherData(from, `${seen} examples in all`))
          )
          return Stream.concat(rest, end)
        })

const otherData = (from: number, actual: string): SnapshotMismatch =>
  new SnapshotMismatch({
    field: "from",
    expected: String(from),
    actual,
    message: `The sums are to go on at example ${from}, and the data has ${actual}. Give the data that they were begun with, cut at whole blocks.`
  })
