/** Labels that count otherwise than once: not at all, or w times. */
import { make, type OracleLikelihood } from "../likelihoods.ts"
import { scale, zeros } from "../linear.ts"

/** The only label is `label`, and it says nothing of z. */
export const nothing = (label: number): OracleLikelihood =>
  make({
    name: "nothing",
    labelSize: () => 1,
    support: () => [{ y: [label], probability: 1 }],
    logProbability: () => 0,
    score: (z) => new Float64Array(z.length),
    hessian: (z) => zeros(z.length, z.length),
    closedFormFisher: (z) => zeros(z.length, z.length),
    kl: () => 0
  })

/** The loss of an example that counts w times, -w log p; its Fisher is w E_y[g g^T] with g the score of p, not of the loss. */
export const times = (weight: number, own: OracleLikelihood): OracleLikelihood => ({
  ...own,
  logProbability: (z, y) => weight * own.logProbability(z, y),
  score: (z, y) => own.score(z, y).map((value) => weight * value),
  hessian: (z, y) => scale(weight, own.hessian(z, y)),
  fisher: (z) => scale(weight, own.fisher(z)),
  closedFormFisher: (z) => scale(weight, own.closedFormFisher(z)),
  kl: (z, other) => weight * own.kl(z, other)
})
