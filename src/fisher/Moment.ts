/** What a structure takes over the examples. */
import { Data } from "effect"

/**
 * `Sum`: `size` numbers, added up and divided by the number of examples. `Symmetric`: a matrix of `side` rows, added up and divided
 * alike; its sums are the lower triangle, row by row, and its mean is the whole matrix. `Rows`: rows of `width` numbers, laid below
 * each other and divided by the square root of that number, so that their outer products sum to a mean.
 */
export type Moment = Data.TaggedEnum<{
  readonly Sum: { readonly size: number }
  readonly Symmetric: { readonly side: number }
  readonly Rows: { readonly width: number }
}>

export const { $match: matchMoment, Rows, Sum, Symmetric } = Data.taggedEnum<Moment>()

/** How many numbers its sums are, whatever the number of examples: none for rows. */
export const sizeOfSums: (moment: Moment) => number = matchMoment({
  Sum: ({ size }) => size,
  Symmetric: ({ side }) => (side * (side + 1)) / 2,
  Rows: () => 0
})

/** How many numbers its mean is, whatever the number of examples: none for rows. */
export const sizeOfMean: (moment: Moment) => number = matchMoment({
  Sum: ({ size }) => size,
  Symmetric: ({ side }) => side * side,
  Rows: () => 0
})
