/**
 * Several heads: z is their outputs one after another, y their labels, and given z they are independent.
 *
 * *Math*: log p is the sum over the heads, the score their scores in a row, Lambda is block-diagonal, and a column of S is a column
 * of one head with zeros elsewhere.
 */

import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt, shown } from "../../Options.ts"
import type { Distribution, Likelihood } from "../Likelihood.ts"

/** A likelihood, and how many of the network's outputs are its own. */
export interface Head {
  readonly likelihood: Likelihood
  readonly outputs: number
}

const Outputs = Schema.Struct({ outputs: PositiveInt })

interface Placed extends Head {
  /** Where its outputs, its labels and its columns begin. */
  readonly output: number
  readonly label: number
  readonly column: number
}

interface Layout {
  readonly heads: ReadonlyArray<Placed>
  readonly outputs: number
  readonly labels: number
  readonly columns: number
}

const layout = (heads: ReadonlyArray<Head>): Layout => {
  let [output, label, column] = [0, 0, 0]
  const placed: Array<Placed> = []
  for (const { likelihood, outputs } of heads) {
    placed.push({ likelihood, outputs, output, label, column })
    output += outputs
    label += likelihood.labelSize(outputs)
    column += likelihood.columns(outputs)
  }
  return { heads: placed, outputs: output, labels: label, columns: column }
}

const labelsOf = (y: ArrayLike<number>, { label, likelihood, outputs }: Placed): Float64Array =>
  Float64Array.from({ length: likelihood.labelSize(outputs) }, (_, i) => y[label + i]!)

const outputsOf = (z: ArrayLike<number>, { output, outputs }: Placed): Float64Array =>
  Float64Array.from({ length: outputs }, (_, c) => z[output + c]!)

const at = (z: ArrayLike<number>, { columns, heads, labels, outputs }: Layout): Distribution => {
  const each = heads.map((head) => ({ head, own: head.likelihood.at(outputsOf(z, head)) }))
  return {
    logProbability: (y) =>
      each.reduce((sum, { head, own }) => sum + own.logProbability(labelsOf(y, head)), 0),
    score: (y) => {
      const score = new Float64Array(outputs)
      for (const { head, own } of each) score.set(own.score(labelsOf(y, head)), head.output)
      return score
    },
    sample: (uniform) => {
      const y = new Float64Array(labels)
      for (const { head, own } of each) y.set(own.sample(uniform), head.label)
      return y
    },
    fisher: () => {
      const lambda = new Float64Array(outputs * outputs)
      for (const { head, own } of each) {
        const block = own.fisher()
        for (let i = 0; i < head.outputs; i++) {
          const row = block.subarray(i * head.outputs, (i + 1) * head.outputs)
          lambda.set(row, (head.output + i) * outputs + head.output)
        }
      }
      return lambda
    },
    factor: () => {
      const factor = new Float64Array(columns * outputs)
      for (const { head, own } of each) {
        const part = own.factor()
        for (let k = 0; k < part.length / head.outputs; k++) {
          const column = part.subarray(k * head.outputs, (k + 1) * head.outputs)
          factor.set(column, (head.column + k) * outputs + head.output)
        }
      }
      return factor
    },
    klDivergence: (other) =>
      each.reduce((sum, { head, own }) => sum + own.klDivergence(outputsOf(other, head)), 0)
  }
}

const checked = (heads: ReadonlyArray<Head>): ReadonlyArray<Head> => {
  if (!Array.isArray(heads) || heads.length === 0) throw noHeads(heads)
  return heads.map((head: Head, i) => {
    if (typeof head?.likelihood?.at !== "function") throw noLikelihood(head?.likelihood, i)
    const { likelihood } = head
    const { outputs } = decodeOrThrow(Outputs, { outputs: head.outputs })
    const misfit = likelihood.misfit(outputs)
    if (misfit !== undefined) throw misfit
    return { likelihood, outputs }
  })
}

/**
 * y are the labels of the heads and z their outputs, one head after another. Given z, the heads are independent.
 *
 * *Throws*: `InvalidArgument` for no head, for one that is no likelihood or has no whole number of outputs; the `ShapeMismatch` of a
 * head that its likelihood cannot have.
 */
export const product = (heads: ReadonlyArray<Head>): Likelihood => {
  const own = layout(checked(heads))
  const name = `product(${own.heads.map(({ likelihood, outputs }) => `${likelihood.name} of ${outputs}`).join(", ")})`
  return {
    name,
    labelSize: () => own.labels,
    support: () => own.heads.reduce((all, { likelihood, outputs }) => all * likelihood.support(outputs), 1),
    columns: () => own.columns,
    misfit: (outputs) =>
      outputs === own.outputs
        ? undefined
        : new ShapeMismatch({
            what: "outputs of a network of several heads",
            expected: String(own.outputs),
            actual: String(outputs),
            message: `The network has ${outputs} outputs and the heads of ${name} take ${own.outputs}. Give both the same number.`
          }),
    invalid: (y, _, example) => {
      for (const head of own.heads) {
        const wrong = head.likelihood.invalid(labelsOf(y, head), head.outputs, example)
        if (wrong !== undefined) return wrong
      }
      return undefined
    },
    at: (z) => at(z, own)
  }
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
