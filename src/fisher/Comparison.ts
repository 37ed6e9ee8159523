/** How far one Fisher is from another: an approximation from the truth, on a network small enough to write both out. */
import { Result } from "effect"
import { dual } from "effect/Function"
import type { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import { mismatch } from "../model/ParamSpace.ts"
import { attempt } from "../Options.ts"
import { finite, requireWritable } from "./internal/checked.ts"
import { roundingFloor } from "./internal/damped.ts"
import type { Fisher } from "./internal/value.ts"
import type { SolveError } from "./Structure.ts"

/** A compared with B. */
export interface Comparison {
  /** |A - B| / |B|, in the Frobenius norm; infinite where B alone is 0. */
  readonly relativeError: number
  /** <A, B> / (|A| |B|): 1 where they differ by a factor only. */
  readonly cosine: number
  /** The c for which |c A - B| is least. */
  readonly scale: number
  /** |c A - B| / |B| with that c. */
  readonly scaledError: number
  /** The largest over the least eigenvalue of A, and of B; infinite where the least is rounding. */
  readonly conditions: readonly [self: number, that: number]
}

type Comparable<S extends string> = Fisher<S, "toDense" | "eigenvalues">

/**
 * Compares `self`, such as K-FAC, with `that`, such as the dense Fisher of the same parameters and data.
 *
 * *Cost*: P^2 floats for each, and their eigenvalues. *Fails*: `ShapeMismatch` for Fishers of different networks;
 * `InvalidArgument` for more
 * than 2^26 entries; `NotConverged`; `NonFinite` where an entry of one is too large for float32.
 */
export const compare: {
  <S extends string>(
    that: Comparable<S>
  ): (self: Comparable<S>) => Result.Result<Comparison, SolveError | ShapeMismatch | InvalidArgument>
  <S extends string>(
    self: Comparable<S>,
    that: Comparable<S>
  ): Result.Result<Comparison, SolveError | ShapeMismatch | InvalidArgument>
} = dual(
  2,
  <S extends string>(
    self: Comparable<S>,
    that: Comparable<S>
  ): Result.Result<Comparison, SolveError | ShapeMismatch | InvalidArgument> => {
    const other = mismatch("other Fisher", self.space, that.space)
    if (other !== undefined) return Result.fail(other)
    return Result.gen(function* () {
      yield* attempt<InvalidArgument>()(() => requireWritable(self.space))
      const conditions = yield* Result.all([condition(self), condition(that)])
      // Two finite factors may have a product that float32 does not hold.
      const a = yield* finite(self.operations.toDense(), "Fisher written out")
      const b = yield* finite(that.operations.toDense(), "other Fisher written out")
      return { ...distances(a, b), conditions }
    })
  }
)

const condition = <S extends string>({ operations }: Comparable<S>): Result.Result<number, SolveError> =>
  Result.map(operations.eigenvalues(), (values) => {
    const largest = values.at(-1)!
    return values[0]! > roundingFloor(values.length, largest, 0)
      ? largest / values[0]!
      : Number.POSITIVE_INFINITY
  })

const distances = (a: Float32Array, b: Float32Array): Omit<Comparison, "conditions"> => {
  let [aa, ab, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    aa += a[i]! * a[i]!
    ab += a[i]! * b[i]!
    bb += b[i]! * b[i]!
  }
  const scale = aa === 0 ? 0 : ab / aa
  const away = (c: number): number => {
    let sum = 0
    for (let i = 0; i < a.length; i++) sum += (c * a[i]! - b[i]!) ** 2
    return bb === 0 ? (sum === 0 ? 0 : Number.POSITIVE_INFINITY) : Math.sqrt(sum / bb)
  }
  return {
    relativeError: away(1),
    cosine: aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb),
    scale,
    scaledError: away(scale)
  }
}
