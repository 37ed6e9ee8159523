/**
 * K random sign combinations of the columns of S, S S^T = E_y[score score^T].
 *
 * *Math*: a column is S r / sqrt(K) with independent signs r_j = +-1, and E[r r^T] = I gives E[S r r^T S^T] = S S^T. For one column the
 * mean square error is (tr G)^2 + |G|^2 - 2 sum_j G_jj^2 with G = S^T S: where S is diagonal, as for a Bernoulli or a Gaussian, the
 * diagonal of the output Fisher has no error at all.
 *
 * *Source*: Martens, Sutskever and Swersky 2012, Estimating the Hessian by back-propagating curvature, section 3.
 */
import { Effect, Schema } from "effect"
import type { Outputs } from "../../model/Conditional.ts"
import { PositiveInt, Seed } from "../../Options.ts"
import { fold, type Key, make as makeKey, uniform } from "../../random/Key.ts"
import { Cotangents, type Draws } from "../Draws.ts"
import { fits } from "../internal/fits.ts"
import type { Sampler } from "../Sampler.ts"

/** `draws`: how many columns for each example. `seed`: of all their signs. */
export const CurvaturePropagationOptions = Schema.Struct({ draws: PositiveInt, seed: Seed })

export const curvaturePropagation = ({
  draws,
  seed
}: typeof CurvaturePropagationOptions.Type): typeof Sampler.Service => {
  const key = makeKey(seed)
  return {
    name: `curvaturePropagation(${draws} draws, seed ${seed})`,
    draw: (outputs, round) =>
      Effect.fromResult(fits(outputs, draws, round)).pipe(
        Effect.map(() => combinations(outputs, fold(key, round), draws))
      )
  }
}

/** How many signs are taken from one uniform number: its leading bits. */
const signsAtOnce = 30

const combinations = (
  { batch: { examples, indices }, distribution, likelihood, size }: Outputs,
  key: Key,
  columns: number
): Draws => {
  const terms = likelihood.columns(size)
  const scale = 1 / Math.sqrt(columns)
  const cotangents = new Float32Array(columns * examples * size)
  const sum = new Float64Array(size)
  for (let n = 0; n < examples; n++) {
    const own = fold(key, indices[n]!)
    const factor = distribution(n).factor()
    const ends = Int32Array.from({ length: 2 * terms }, (_, at) => endOf(factor, at >> 1, size, at & 1))
    for (let k = 0; k < columns; k++) {
      sum.fill(0)
      let bits = 0
      for (let j = 0; j < terms; j++) {
        const place = j % signsAtOnce
        if (place === 0) bits = Math.floor(uniform(own, k, j / signsAtOnce) * 2 ** signsAtOnce)
        const sign = (bits >>> place) & 1 ? scale : -scale
        for (let c = ends[2 * j]!; c < ends[2 * j + 1]!; c++) sum[c] = sum[c]! + sign * factor[j * size + c]!
      }
      cotangents.set(sum, (k * examples + n) * size)
    }
  }
  return Cotangents({ columns, cotangents })
}

/** Where the entries of a column of S begin (`end` 0) that are not 0, and where they end: a diagonal S has one a column. */
const endOf = (factor: Float64Array, column: number, size: number, end: number): number => {
  const entries = factor.subarray(column * size, (column + 1) * size)
  return end === 0
    ? Math.max(
        0,
        entries.findIndex((v) => v !== 0)
      )
    : entries.findLastIndex((v) => v !== 0) + 1
}
