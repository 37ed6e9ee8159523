/** No draw at all: the columns of S, S S^T = E_y[score score^T]. */
import { Effect, Result } from "effect"
import type { Part } from "../../model/Likelihood.ts"
import { Cotangents, type Draws } from "../Draws.ts"
import { type ClosedOutputs, closedForm, partsOf } from "../internal/closedForm.ts"
import { fits } from "../internal/fits.ts"
import { drawing } from "../internal/labelled.ts"
import type { Sampler } from "../Sampler.ts"

export const exact: typeof Sampler.Service = {
  name: "exact",
  draw: (outputs, round) =>
    Effect.fromResult(
      Result.flatMap(closedForm(outputs, "Sampler.exact"), (closed) =>
        Result.flatMap(fits(closed, closed.likelihood.columns(closed.size), round), () =>
          drawing(() => columnsOf(closed))
        )
      )
    )
}

const columnsOf = (outputs: ClosedOutputs): Draws => {
  const cotangents = outputs.many?.().factors?.()
  return cotangents === undefined
    ? factorColumns(outputs)
    : Cotangents({ columns: outputs.likelihood.columns(outputs.size), cotangents })
}

/** Whether any of it counts. */
const counts = ({ distribution: { weights } }: Part): boolean =>
  weights === undefined || weights.some((weight) => weight > 0)

/**
 * A column is of one part alone, and what counts nowhere has none: an example of few columns ends in columns of zeros.
 */
const factorColumns = ({ batch: { examples }, distribution, size }: ClosedOutputs): Draws => {
  const factors = Array.from({ length: examples }, (_, n) =>
    partsOf(distribution(n), size)
      .filter(counts)
      .map(({ distribution, output, outputs }) => ({ output, outputs, factor: distribution.factor() }))
  )
  const columns = factors.reduce(
    (most, parts) =>
      Math.max(
        most,
        parts.reduce((sum, { factor, outputs }) => sum + factor.length / outputs, 0)
      ),
    1
  )
  const cotangents = new Float32Array(columns * examples * size)
  for (const [n, parts] of factors.entries()) {
    let k = 0
    for (const { factor, output, outputs } of parts) {
      for (let from = 0; from < factor.length; from += outputs, k++) {
        const to = (k * examples + n) * size + output
        for (let c = 0; c < outputs; c++) cotangents[to + c] = factor[from + c]!
      }
    }
  }
  return Cotangents({ columns, cotangents })
}
