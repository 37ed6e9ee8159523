/**
 * The same likelihood at each of T positions, such as the next token at every place of a text: z is T times C outputs, position after
 * position, and y the label or labels of each.
 *
 * *Math*: given z the positions are independent: log p is the sum over them, Lambda is block-diagonal. A position whose target is
 * `ignored` counts nowhere: it has no log p, no score and no Fisher, whatever is drawn elsewhere. The loss stays a mean over examples
 * of sums over positions.
 */
import { Schema } from "effect"
import { InvalidArgument, InvalidLabel, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, Finite, PositiveInt, shown } from "../../Options.ts"
import { hasClosedForm } from "../internal/closedForm.ts"
import { flat, joint, type Placed } from "../internal/joint.ts"
import { silent } from "../internal/weighted.ts"
import type { Likelihood, SampledDistribution, SampledLikelihood } from "../Likelihood.ts"

/** `outputs`: C, of one position. `ignored`: the label of a target that counts nowhere, such as -1. */
export const PositionsOptions = Schema.Struct({
  outputs: PositiveInt,
  ignored: Schema.optionalKey(Finite)
})
export type PositionsOptions = typeof PositionsOptions.Type

/** One position's likelihood, with its sizes. */
interface Position {
  readonly likelihood: SampledLikelihood
  readonly outputs: number
  readonly labels: number
  readonly columns: number
  readonly ignored: number | undefined
}

const isIgnored = ({ ignored, labels }: Position, y: Float32Array | Float64Array, t: number): boolean => {
  if (ignored === undefined) return false
  // Labels of the data are float32.
  const value = Math.fround(ignored)
  for (let i = t * labels; i < (t + 1) * labels; i++) if (Math.fround(y[i]!) !== value) return false
  return true
}

const at = (position: Position, z: ArrayLike<number>, observed: ArrayLike<number> | undefined) => {
  const { columns, ignored, labels, likelihood, outputs } = position
  const values = flat(z)
  const seen = observed === undefined ? undefined : flat(observed)
  const count = values.length / outputs
  const nothing = silent(new Float64Array(labels).fill(ignored ?? 0), outputs, columns)
  const one = (t: number): SampledDistribution =>
    seen !== undefined && isIgnored(position, seen, t)
      ? nothing
      : likelihood.at(
          values.subarray(t * outputs, (t + 1) * outputs),
          seen?.subarray(t * labels, (t + 1) * labels)
        )
  const parts = Array.from(
    { length: count },
    (_, t): Placed => ({
      distribution: one(t),
      outputs,
      labels,
      output: t * outputs,
      label: t * labels,
      column: t * columns
    })
  )
  return joint(parts, { outputs: values.length, labels: count * labels, columns: count * columns })
}

const labelAt = ({ labels }: Position, y: Float32Array | Float64Array, t: number) =>
  y.subarray(t * labels, (t + 1) * labels)

/** Why y is none of the positions' labels: where a target is ignored, it alone may be the ignored label. */
const invalidLabel =
  (position: Position): SampledLikelihood["invalid"] =>
  (y, outputs, example, observed) => {
    const [values, seen] = [flat(y), observed === undefined ? undefined : flat(observed)]
    for (let t = 0; t < outputs / position.outputs; t++) {
      if (isIgnored(position, seen ?? values, t)) continue
      const wrong = position.likelihood.invalid(
        labelAt(position, values, t),
        position.outputs,
        example,
        seen && labelAt(position, seen, t)
      )
      if (wrong !== undefined) return atPosition(wrong, t)
    }
    return undefined
  }

const atPosition = (wrong: InvalidLabel, t: number): InvalidLabel =>
  new InvalidLabel({
    likelihood: wrong.likelihood,
    example: wrong.example,
    value: wrong.value,
    message: `At position ${t}: ${wrong.message}`
  })

const misfit =
  (name: string, { likelihood, outputs: own }: Position): SampledLikelihood["misfit"] =>
  (outputs) =>
    outputs >= own && outputs % own === 0
      ? likelihood.misfit(own)
      : new ShapeMismatch({
          what: "outputs of a network of several positions",
          expected: `a multiple of ${own}`,
          actual: String(outputs),
          message: `${outputs} outputs are no positions of ${own} outputs each. Give the network a multiple of ${own} for ${name}.`
        })

const make = (likelihood: SampledLikelihood, options: PositionsOptions): SampledLikelihood => {
  if (typeof likelihood?.at !== "function") throw noLikelihood(likelihood)
  const { ignored, outputs } = decodeOrThrow(PositionsOptions, options)
  const wrong = likelihood.misfit(outputs)
  if (wrong !== undefined) throw wrong
  const closed = hasClosedForm(likelihood) ? likelihood : undefined
  const position: Position = {
    likelihood,
    outputs,
    labels: likelihood.labelSize(outputs),
    columns: closed?.columns(outputs) ?? 0,
    ignored
  }
  const name = `positions(${likelihood.name} of ${outputs}${ignored === undefined ? "" : `, ignored ${ignored}`})`
  return {
    name,
    labelSize: (all) => (all / outputs) * position.labels,
    support: (all) => likelihood.support(outputs) ** (all / outputs),
    misfit: misfit(name, position),
    invalid: invalidLabel(position),
    ...(likelihood.inverseLink && { inverseLink: likelihood.inverseLink }),
    observes: ignored !== undefined || likelihood.observes === true,
    at: (z, observed) => at(position, z, observed),
    ...(closed && { columns: (all: number) => (all / outputs) * position.columns })
  }
}

/**
 * y are the labels of T positions and z their T times C outputs, position after position. Given z, they are independent.
 *
 * Where all labels of a position are `ignored` in the data, the position counts nowhere: in the loss, in the gradient, in any Fisher,
 * in the KL divergence; it is drawn as `ignored`. Then the data needs labels for the Fisher too. (K-FAC still averages its inputs.)
 *
 * *Cost*: that of T likelihoods of C outputs; only `fisher()` and `factor()` make a matrix of T C by as many.
 * *Throws*: `InvalidArgument` for options out of range or what is no likelihood; the `ShapeMismatch` of a likelihood that cannot have C outputs.
 */
export const positions = make as {
  (likelihood: Likelihood, options: PositionsOptions): Likelihood
  (likelihood: SampledLikelihood, options: PositionsOptions): SampledLikelihood
}

const noLikelihood = (likelihood: unknown): InvalidArgument =>
  new InvalidArgument({
    argument: "likelihood",
    value: shown(likelihood),
    message: `likelihood is ${shown(likelihood)}. Give one of Likelihood, such as Likelihood.categorical.`
  })
