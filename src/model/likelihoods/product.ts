/**
 * Several heads: z is their outputs one after another, y their labels, and given z they are independent.
 *
 * *Math*: log p is the sum over the heads, the score their scores in a row, Lambda is block-diagonal, and a column of S is a column
 * of one head with zeros elsewhere.
 */

import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt, shown } from "../../Options.ts"
import { hasClosedForm } from "../internal/closedForm.ts"
import { flat, joint, type Placed, type Sizes } from "../internal/joint.ts"
import type { Likelihood, SampledLikelihood } from "../Likelihood.ts"

/** A likelihood, and how many of the network's outputs are its own. */
export interface SampledHead {
  readonly likelihood: SampledLikelihood
  readonly outputs: number
}

/** A head with closed forms. */
export interface Head extends SampledHead {
  readonly likelihood: Likelihood
}

const Outputs = Schema.Struct({ outputs: PositiveInt })

/** A head, and where its outputs, its labels and its columns begin. */
type PlacedHead = SampledHead & Omit<Placed, "distribution">

interface Layout extends Sizes {
  readonly heads: ReadonlyArray<PlacedHead>
}

const layout = (heads: ReadonlyArray<SampledHead>): Layout => {
  let [output, label, column] = [0, 0, 0]
  const placed: Array<PlacedHead> = []
  for (const { likelihood, outputs } of heads) {
    const labels = likelihood.labelSize(outputs)
    placed.push({ likelihood, outputs, labels, output, label, column })
    output += outputs
    label += labels
    column += hasClosedForm(likelihood) ? likelihood.columns(outputs) : 0
  }
  return { heads: placed, outputs: output, labels: label, columns: column }
}

const at = (z: ArrayLike<number>, observed: ArrayLike<number> | undefined, own: Layout) => {
  const values = flat(z)
  const seen = observed === undefined ? undefined : flat(observed)
  const parts = own.heads.map((head): Placed => {
    const { label, labels, likelihood, output, outputs } = head
    const distribution = likelihood.at(
      values.subarray(output, output + outputs),
      seen?.subarray(label, label + labels)
    )
    return { ...head, distribution }
  })
  return joint(parts, own)
}

const checked = (heads: ReadonlyArray<SampledHead>): ReadonlyArray<SampledHead> => {
  if (!Array.isArray(heads) || heads.length === 0) throw noHeads(heads)
  return heads.map((head: SampledHead, i) => {
    if (typeof head?.likelihood?.at !== "function") throw noLikelihood(head?.likelihood, i)
    const { likelihood } = head
    const { outputs } = decodeOrThrow(Outputs, { outputs: head.outputs })
    const misfit = likelihood.misfit(outputs)
    if (misfit !== undefined) throw misfit
    return { likelihood, outputs }
  })
}

const make = (heads: ReadonlyArray<SampledHead>): SampledLikelihood => {
  const own = layout(checked(heads))
  const name = `product(${own.heads.map(({ likelihood, outputs }) => `${likelihood.name} of ${outputs}`).join(", ")})`
  return {
    name,
    labelSize: () => own.labels,
    support: () => own.heads.reduce((all, { likelihood, outputs }) => all * likelihood.support(outputs), 1),
    misfit: (outputs) =>
      outputs === own.outputs
        ? undefined
        : new ShapeMismatch({
            what: "outputs of a network of several heads",
            expected: String(own.outputs),
            actual: String(outputs),
            message: `The network has ${outputs} outputs and the heads of ${name} take ${own.outputs}. Give both the same number.`
          }),
    invalid: (y, _, example, observed) => {
      const [values, seen] = [flat(y), observed === undefined ? undefined : flat(observed)]
      for (const { label, labels, likelihood, outputs } of own.heads) {
        const part = (of: Float32Array | Float64Array) => of.subarray(label, label + labels)
        const wrong = likelihood.invalid(part(values), outputs, example, seen && part(seen))
        if (wrong !== undefined) return wrong
      }
      return undefined
    },
    observes: own.heads.some(({ likelihood }) => likelihood.observes === true),
    at: (z, observed) => at(z, observed, own),
    ...(own.heads.every(({ likelihood }) => hasClosedForm(likelihood)) && { columns: () => own.columns })
  }
}

/**
 * y are the labels of the heads and z their outputs, one head after another. Given z, the heads are independent. Closed forms are had
 * where every head has them; each head counts by its own part of what was observed.
 *
 * *Throws*: `InvalidArgument` for no head, for one that is no likelihood or has no whole number of outputs; the `ShapeMismatch` of a
 * head that its likelihood cannot have.
 */
export const product = make as {
  (heads: ReadonlyArray<Head>): Likelihood
  (heads: ReadonlyArray<SampledHead>): SampledLikelihood
}

const noHeads = (heads: unknown): InvalidArgument =>
  new InvalidArgument({
    argument: "heads",
    value: shown(heads),
    message: `heads is ${shown(heads)}. Give an array of at least one { likelihood, outputs }.`
  })

const noLikelihood = (likelihood: unknown, i: number): InvalidArgument =>
  new InvalidArgument({
    argument: `${i}.likelihood`,
    value: shown(likelihood),
    message: `likelihood of head ${i} is ${shown(likelihood)}. Give one of Likelihood, such as Likelihood.bernoulli.`
  })
