/** The data's own labels, weight 1. */
import { Effect } from "effect"
import { checkedLabels } from "../../model/Conditional.ts"
import { Labels } from "../Draws.ts"
import type { Sampler } from "../Sampler.ts"

export const empirical: typeof Sampler.Service = {
  name: "empirical",
  draw: ({ batch, likelihood, size }) =>
    checkedLabels(likelihood, size, batch).pipe(
      Effect.map(({ values }) =>
        Labels({
          columns: 1,
          labels: new Float64Array(values),
          weights: new Float64Array(batch.examples).fill(1)
        })
      )
    )
}
