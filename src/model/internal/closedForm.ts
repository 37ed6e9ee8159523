import type { Likelihood, SampledLikelihood } from "../Likelihood.ts"

/** Whether a likelihood has the closed forms of its Fisher and its KL divergence. */
export const hasClosedForm = (likelihood: SampledLikelihood): likelihood is Likelihood =>
  "columns" in likelihood
