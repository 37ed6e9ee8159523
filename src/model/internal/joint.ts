/**
 * Independent parts as one distribution: z is their outputs one after another, y their labels.
 *
 * *Math*: log p is the sum over the parts, the score their scores in a row, Lambda is block-diagonal, and a column of S is a column of
 * one part with zeros elsewhere.
 */
import type { Distribution, Part, SampledDistribution } from "../Likelihood.ts"

/** A part, and where its outputs, its labels and the columns of its factor begin. */
export interface Placed<D extends SampledDistribution = SampledDistribution> {
  readonly distribution: D
  readonly outputs: number
  readonly labels: number
  readonly output: number
  readonly label: number
  readonly column: number
}

/** Of all parts together. */
export interface Sizes {
  readonly outputs: number
  readonly labels: number
  readonly columns: number
}

const isClosed = (part: Placed): part is Placed<Distribution> => "factor" in part.distribution

/** Flat numbers whose parts are views. */
export const flat = (values: ArrayLike<number>): Float32Array | Float64Array =>
  values instanceof Float64Array || values instanceof Float32Array ? values : Float64Array.from(values)

/** With the closed forms where every part has them. */
export const joint = (parts: ReadonlyArray<Placed>, sizes: Sizes): SampledDistribution | Distribution => {
  const { labels, outputs } = sizes
  const labelsOf = (y: Float32Array | Float64Array, part: Placed) =>
    y.subarray(part.label, part.label + part.labels)
  const sampled: SampledDistribution = {
    ...weightsOf(parts, outputs),
    logProbability: (y) => {
      const values = flat(y)
      return parts.reduce((sum, part) => sum + part.distribution.logProbability(labelsOf(values, part)), 0)
    },
    score: (y) => {
      const values = flat(y)
      const score = new Float64Array(outputs)
      for (const part of parts) score.set(part.distribution.score(labelsOf(values, part)), part.output)
      return score
    },
    sample: (uniform) => {
      const y = new Float64Array(labels)
      for (const part of parts) y.set(part.distribution.sample(uniform), part.label)
      return y
    }
  }
  return parts.every(isClosed) ? { ...sampled, ...closedForms(parts, sizes) } : sampled
}

const weightsOf = (parts: ReadonlyArray<Placed>, outputs: number): { readonly weights?: Float64Array } => {
  if (parts.every(({ distribution }) => distribution.weights === undefined)) return {}
  const weights = new Float64Array(outputs).fill(1)
  for (const { distribution, output } of parts) {
    if (distribution.weights !== undefined) weights.set(distribution.weights, output)
  }
  return { weights }
}

const closedForms = (
  parts: ReadonlyArray<Placed<Distribution>>,
  { columns, outputs }: Sizes
): Omit<Distribution, keyof SampledDistribution> => ({
  parts: parts.flatMap(leaves),
  fisher: () => {
    const lambda = new Float64Array(outputs * outputs)
    for (const part of parts) {
      const block = part.distribution.fisher()
      for (let i = 0; i < part.outputs; i++) {
        const row = block.subarray(i * part.outputs, (i + 1) * part.outputs)
        lambda.set(row, (part.output + i) * outputs + part.output)
      }
    }
    return lambda
  },
  factor: () => {
    const factor = new Float64Array(columns * outputs)
    for (const part of parts) {
      const own = part.distribution.factor()
      for (let k = 0; k < own.length / part.outputs; k++) {
        const column = own.subarray(k * part.outputs, (k + 1) * part.outputs)
        factor.set(column, (part.column + k) * outputs + part.output)
      }
    }
    return factor
  },
  klDivergence: (other) => {
    const values = flat(other)
    return parts.reduce(
      (sum, { distribution, output, outputs }) =>
        sum + distribution.klDivergence(values.subarray(output, output + outputs)),
      0
    )
  }
})

/** A part that is made of parts itself, as those. */
const leaves = ({ distribution, output, outputs }: Placed<Distribution>): ReadonlyArray<Part> =>
  distribution.parts?.map((part) => ({ ...part, output: output + part.output })) ?? [
    { distribution, output, outputs }
  ]
