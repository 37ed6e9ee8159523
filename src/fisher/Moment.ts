/** What a structure takes over the examples. */
import { Data } from "effect"

/**
 * `Sum`: `size` numbers, added up and divided by the number of examples. `Rows`: rows of `width` numbers, laid below each other and
 * divided by the square root of that number, so that their outer products sum to a mean.
 */
export type Moment = Data.TaggedEnum<{
  readonly Sum: { readonly size: number }
  readonly Rows: { readonly width: number }
}>

export const { $match: matchMoment, Rows, Sum } = Data.taggedEnum<Moment>()
