/**
 * K random sign combinations of the columns of S, S S^T = E_y[score score^T].
 *
 * *Math*: a column is S r / sqrt(K) with independent signs r_j = +-1, and E[r r^T] = I gives E[S r r^T S^T] = S S^T. For one column the
 * mean square error is (tr G)^2 + |G|^2 - 2 sum_j G_jj^2 with G = S^T S: where S is diagonal, as for a Bernoulli or a Gaussian, the
 * diagonal of the output Fisher has no error at all.
 *
 * *Source*: Martens, Sutskever and Swersky 2012, Estimating the Hessian by back-propagating curvature, section 3.
 */
import { Effect, Result, Schema } from "effect"
import type { Distribution } from "../../model/Likelihood.ts"
import { PositiveInt, Seed } from "../../Options.ts"
import { fold, type Key, make as makeKey, uniform } from "../../random/Key.ts"
import { Cotangents, type Draws } from "../Draws.ts"
import { type ClosedOutputs, closedForm, partsOf } from "../internal/closedForm.ts"
import { fits } from "../internal/fits.ts"
import { drawing } from "../internal/labelled.ts"
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
      Effect.fromResult(
        Result.flatMap(closedForm(outputs, "Sampler.curvaturePropagation"), (closed) =>
          Result.flatMap(fits(closed, draws, round), () =>
            drawing(() => combinations(closed, fold(key, round), draws))
          )
        )
      )
  }
}

/** How many signs are taken from one uniform number: its leading bits. */
const signsAtOnce = 30

const combinations = (
  { batch: { examples, indices }, distribution, size }: ClosedOutputs,
  key: Key,
  columns: number
): Draws => {
  const scale = 1 / Math.sqrt(columns)
  const cotangents = new Float32Array(columns * examples * size)
  const sum = new Float64Array(size)
  for (let n = 0; n < examples; n++) {
    const own = fold(key, indices[n]!)
    const terms = termsOf(distribution(n), size)
    for (let k = 0; k < columns; k++) {
      sum.fill(0)
      let bits = 0
      for (const [j, { at, values }] of terms.entries()) {
        const place = j % signsAtOnce
        if (place === 0) bits = Math.floor(uniform(own, k, j / signsAtOnce) * 2 ** signsAtOnce)
        const sign = (bits >>> place) & 1 ? scale : -scale
        for (let c = 0; c < values.length; c++) sum[at + c] = sum[at + c]! + sign * values[c]!
      }
      cotangents.set(sum, (k * examples + n) * size)
    }
  }
  return Cotangents({ columns, cotangents })
}

/** A column of S from its first entry that is not 0 to its last: a diagonal S has one a column, a column of a part its outputs alone. */
interface Term {
  readonly at: number
  readonly values: Float64Array
}

const termsOf = (distribution: Distribution, size: number): ReadonlyArray<Term> =>
  partsOf(distribution, size).flatMap(({ distribution, output, outputs }) => {
    const factor = distribution.factor()
    return Array.from({ length: factor.length / outputs }, (_, k) => {
      const column = factor.subarray(k * outputs, (k + 1) * outputs)
      const first = Math.max(
        0,
        column.findIndex((value) => value !== 0)
      )
      return {
        at: output + first,
        values: column.subarray(first, column.findLastIndex((value) => value !== 0) + 1)
      }
    })
  })
