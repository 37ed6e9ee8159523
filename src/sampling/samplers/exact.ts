/** No draw at all: the columns of S, S S^T = E_y[score score^T]. */
import { Effect } from "effect"
import type { Outputs } from "../../model/Conditional.ts"
import { Cotangents, type Draws } from "../Draws.ts"
import { fits } from "../internal/fits.ts"
import type { Sampler } from "../Sampler.ts"

export const exact: typeof Sampler.Service = {
  name: "exact",
  draw: (outputs, round) =>
    Effect.map(Effect.fromResult(fits(outputs, outputs.likelihood.columns(outputs.size), round)), () =>
      factorColumns(outputs)
    )
}

const factorColumns = ({ batch: { examples }, distribution, likelihood, size }: Outputs): Draws => {
  const columns = likelihood.columns(size)
  const cotangents = new Float32Array(columns * examples * size)
  for (let n = 0; n < examples; n++) {
    const factor = distribution(n).factor()
    for (let k = 0; k < columns; k++) {
      for (let c = 0; c < size; c++) cotangents[(k * examples + n) * size + c] = factor[k * size + c]!
    }
  }
  return Cotangents({ columns, cotangents })
}
