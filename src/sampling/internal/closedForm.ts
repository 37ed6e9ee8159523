/** What a sampler that draws nothing needs: the closed forms of the likelihood, part by part. */
import { Result } from "effect"
import { NoClosedForm } from "../../Errors.ts"
import type { Outputs } from "../../model/Conditional.ts"
import {
  type Distribution,
  hasClosedForm,
  type Likelihood,
  type Part,
  type SampledLikelihood
} from "../../model/Likelihood.ts"

/** The outputs of a network whose likelihood has closed forms. */
export interface ClosedOutputs extends Outputs {
  readonly likelihood: Likelihood
  readonly distribution: (n: number) => Distribution
}

const isClosed = (outputs: Outputs): outputs is ClosedOutputs => hasClosedForm(outputs.likelihood)

/** *Fails*: `NoClosedForm`, which names `what` asked. */
export const closedForm = (outputs: Outputs, what: string): Result.Result<ClosedOutputs, NoClosedForm> =>
  isClosed(outputs) ? Result.succeed(outputs) : Result.fail(noClosedForm(outputs.likelihood, what))

/** Of a sampler that needs the factor, or of the KL divergence. */
const noClosedForm = ({ name }: SampledLikelihood, what: string): NoClosedForm =>
  new NoClosedForm({
    likelihood: name,
    what,
    message: what.startsWith("Sampler.")
      ? `${what} needs the closed form of the output Fisher, and the likelihood ${name} is sampled only. Give Sampler.monteCarlo, Sampler.stratified or Sampler.antithetic.`
      : `${what} of the likelihood ${name} has no closed form. Compare negative log-likelihoods, or take the quadratic form of a Fisher.`
  })

/** The independent parts of p(y|x), or all of it as one. */
export const partsOf = (distribution: Distribution, size: number): ReadonlyArray<Part> =>
  distribution.parts ?? [{ output: 0, outputs: size, distribution }]
