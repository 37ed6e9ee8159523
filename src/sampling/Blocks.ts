/**
 * Blocks: the data cut into a fixed number of examples, whatever the batches of its source.
 *
 * A float sum depends on where its terms are cut. Because blocks are of one size and are folded in the order of the data, every
 * average over the data has the same bits for any batch size of the source and any concurrency.
 */
import { Effect, Schema, Stream } from "effect"
import type { InvalidArgument } from "../Errors.ts"
import type { Batch } from "../model/Batch.ts"
import { decode, PositiveInt } from "../Options.ts"
import { batches, type DataError, type DataSource } from "./DataSource.ts"
import { concatenate, slice } from "./internal/rows.ts"

/** How many examples a block has unless said. */
export const defaultBlockSize = 256

const BlockOptions = Schema.Struct({ size: PositiveInt })

/** Batches of exactly `size` examples, the last one perhaps smaller, for batches of any size. *Fails*: `InvalidArgument`. */
export const rebatch =
  (size: number) =>
  <E, R>(batches: Stream.Stream<Batch, E, R>): Stream.Stream<Batch, E | InvalidArgument, R> =>
    Stream.unwrap(
      Effect.map(Effect.fromResult(decode(BlockOptions, { size })), () =>
        batches.pipe(
          Stream.mapAccum(
            (): Pending => ({ batches: [], examples: 0 }),
            (pending, batch) => cut(pending, batch, size),
            { onHalt: ({ batches, examples }) => (examples === 0 ? [] : [concatenate(batches)]) }
          )
        )
      )
    )

interface Pending {
  readonly batches: ReadonlyArray<Batch>
  readonly examples: number
}

const cut = (pending: Pending, batch: Batch, size: number): readonly [Pending, ReadonlyArray<Batch>] => {
  if (batch.examples === 0) return [pending, []]
  const examples = pending.examples + batch.examples
  const batches = [...pending.batches, batch]
  if (examples < size) return [{ batches, examples }, []]
  const whole = concatenate(batches)
  const blocks: Array<Batch> = []
  let from = 0
  for (; from + size <= examples; from += size) blocks.push(slice(whole, from, from + size))
  const rest = slice(whole, from, examples)
  return [{ batches: rest.examples === 0 ? [] : [rest], examples: rest.examples }, blocks]
}

/** The blocks of one pass over the DataSource. */
export const blocks = (options: {
  readonly size: number
  readonly pass: number
}): Stream.Stream<Batch, DataError, DataSource> =>
  batches(options.pass).pipe(rebatch(options.size), Stream.rechunk(1))
