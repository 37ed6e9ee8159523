/**
 * Bernoulli: y is C independent bits, z are their logits, p = sigmoid(z).
 *
 * *Math*: score = y - p; Lambda = diag(p (1 - p)).
 */
import { InvalidLabel } from "../../Errors.ts"
import { bernoulli as drawBernoulli } from "../../random/Distributions.ts"
import { bitDivergence, sigmoid, softplus } from "../../random/SpecialFunctions.ts"
import { firstThat, manyIndependent } from "../internal/independent.ts"
import { diagonalMatrix } from "../internal/matrix.ts"
import type { Distribution, Likelihood } from "../Likelihood.ts"

const at = (logits: ArrayLike<number>): Distribution => {
  const z = new Float64Array(logits)
  const p = z.map(sigmoid)
  // p (1 - p) as sigmoid(z) sigmoid(-z): 1 - p would be 0 for a large z.
  const deviation = z.map((value, c) => Math.sqrt(p[c]! * sigmoid(-value)))
  return {
    logProbability: (y) => z.reduce((sum, value, c) => sum - softplus(y[c] === 1 ? -value : value), 0),
    score: (y) => z.map((value, c) => (y[c] === 1 ? sigmoid(-value) : -p[c]!)),
    sample: (uniform) => p.map((pc) => drawBernoulli(uniform(), pc)),
    fisher: () => diagonalMatrix(deviation.map((d) => d * d)),
    factor: () => diagonalMatrix(deviation),
    klDivergence: (other) => z.reduce((sum, value, c) => sum + bitDivergence(value, other[c]!), 0)
  }
}

const many = manyIndependent(at, {
  logProbability: (y, z) => -softplus(y === 1 ? -z : z),
  score: (y, z) => (y === 1 ? sigmoid(-z) : -sigmoid(z)),
  draw: (u, z) => drawBernoulli(u, sigmoid(z)),
  deviation: (z) => Math.sqrt(sigmoid(z) * sigmoid(-z))
})

/** y is C numbers 0 or 1; z are C logits. */
export const bernoulli: Likelihood = {
  name: "bernoulli",
  inverseLink: "sigmoid",
  labelSize: (outputs) => outputs,
  support: (outputs) => 2 ** outputs,
  columns: (outputs) => outputs,
  misfit: () => undefined,
  invalid: (y, _, example) => {
    const wrong = firstThat(y, (bit) => bit !== 0 && bit !== 1)
    return wrong === undefined
      ? undefined
      : new InvalidLabel({
          likelihood: "bernoulli",
          example,
          value: String(wrong),
          message: `A label of example ${example} is ${wrong}. A Bernoulli label is 0 or 1.`
        })
  },
  at,
  many
}
