/** What a structure takes over the examples. */
import { Data } from "effect"
import { packedLength } from "../kernels/packed.ts"

/**
 * `Sum`: `size` numbers, added up and divided by the number of examples. `Symmetric`: `count` matrices of `side` rows, added up and
 * divided alike; their sums and means are the lower triangles, row by row, one matrix after the other. `Rows`: rows of `width` numbers,
 * laid below each other and divided by the square root of that number, so that their outer products sum to a mean.
 */
export type Moment = Data.TaggedEnum<{
  readonly Sum: { readonly size: number }
  readonly Symmetric: { readonly side: number; readonly count: number }
  readonly Rows: { readonly width: number }
}>

export const { $match: matchMoment, Rows, Sum, Symmetric } = Data.taggedEnum<Moment>()

/** How many numbers it is, whatever the number of examples: none for rows. */
export const sizeOf: (moment: Moment) => number = matchMoment({
  Sum: ({ size }) => size,
  Symmetric: ({ count, side }) => count * packedLength(side),
  Rows: () => 0
})
