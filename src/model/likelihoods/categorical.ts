/**
 * Categorical: y is one of C classes, z are logits, p = softmax(z).
 *
 * *Math*: score = e_y - p; Lambda = diag(p) - p p^T, of rank C - 1.
 */
import { Schema } from "effect"
import { InvalidLabel, ShapeMismatch } from "../../Errors.ts"
import { ClassWeight, decodeOrThrow } from "../../Options.ts"
import { categorical as drawCategorical } from "../../random/Distributions.ts"
import { divergenceTerm } from "../../random/SpecialFunctions.ts"
import { zeros } from "../internal/slab.ts"
import { logSoftmax, softmaxes, softmaxRows } from "../internal/softmax.ts"
import { weighted } from "../internal/weighted.ts"
import type { Distribution, Likelihood, ManyAt } from "../Likelihood.ts"

/** 1 - p_k as the sum of the others: the difference would lose the digits of a p_k near 1. */
const complement = (p: Float64Array, k: number): number => {
  let sum = 0
  for (let c = 0; c < p.length; c++) if (c !== k) sum += p[c]!
  return sum
}

/** A table of probabilities, of which a row is `classes` numbers from `from` on. */
interface Row {
  readonly p: Float64Array
  readonly from: number
  readonly classes: number
}

/**
 * The Cholesky factor of diag(p) - p p^T in closed form, `[C - 1, C]`, column after column, each `stride` after the one before.
 *
 * With R_k = sum_{j > k} p_j (R_{-1} = 1): S_kk = sqrt(p_k R_k / R_{k-1}) and S_ik = -(p_i / R_k) S_kk for i > k. Every ratio is at
 * most 1, so nothing overflows; a class of probability 0 gives a column of zeros.
 *
 * *Source*: Tanabe and Sagae 1992 (exact Cholesky decomposition of the multinomial covariance).
 */
const multinomialFactor = (
  { classes, from, p }: Row,
  out: Float32Array | Float64Array,
  to: number,
  stride: number
): void => {
  const rest = scratch(classes)
  rest[classes - 1] = 0
  for (let c = classes - 2; c >= 0; c--) rest[c] = rest[c + 1]! + p[from + c + 1]!
  for (let k = 0; k < classes - 1; k++) {
    const after = rest[k]!
    const own = p[from + k]!
    if (after === 0 || own === 0) continue
    const at = to + k * stride
    const pivot = Math.sqrt(own * (after / (after + own)))
    out[at + k] = pivot
    for (let i = k + 1; i < classes; i++) out[at + i] = -(p[from + i]! / after) * pivot
  }
}

/** Numbers that nobody keeps. */
let spare = new Float64Array(16)
const scratch = (length: number): Float64Array => {
  if (spare.length < length) spare = new Float64Array(length)
  return spare
}

const at = (z: ArrayLike<number>): Distribution => {
  const { logP, p } = softmaxes(z)
  return {
    logProbability: (y) => logP[y[0]!]!,
    score: (y) => {
      const score = zeros(p.length)
      for (let c = 0; c < p.length; c++) score[c] = c === y[0] ? complement(p, c) : -p[c]!
      return score
    },
    sample: (uniform) => {
      const y = zeros(1)
      y[0] = drawCategorical(uniform(), p)
      return y
    },
    fisher: () => {
      const classes = p.length
      const lambda = new Float64Array(classes * classes)
      for (let i = 0; i < classes; i++) {
        for (let j = 0; j < classes; j++) {
          lambda[i * classes + j] = p[i]! * (i === j ? complement(p, i) : -p[j]!)
        }
      }
      return lambda
    },
    factor: () => {
      const classes = p.length
      const factor = zeros((classes - 1) * classes)
      multinomialFactor({ p, from: 0, classes }, factor, 0, classes)
      return factor
    },
    klDivergence: (other) => {
      const logQ = logSoftmax(other)
      return p.reduce((sum, pc, c) => sum + divergenceTerm(pc, Math.exp(logQ[c]!), logQ[c]! - logP[c]!), 0)
    }
  }
}

const many: ManyAt = {
  at,
  open: ({ examples, size, z }) => {
    const { logSums, p, tops } = softmaxRows(z, examples, size)
    return {
      logProbabilities: (y) => {
        const logs = new Float64Array(examples)
        for (let n = 0; n < examples; n++) logs[n] = z[n * size + y[n]!]! - tops[n]! - logSums[n]!
        return logs
      },
      scores: (y, factors) => scores(p, examples, size, y, factors),
      draws: (columns, uniforms) => {
        const y = new Float64Array(columns * examples)
        for (let n = 0; n < examples; n++) {
          const uniform = uniforms(n)
          for (let k = 0; k < columns; k++) {
            y[k * examples + n] = drawCategorical(uniform(k, 0), p, n * size, size)
          }
        }
        return y
      },
      factors: () => {
        const out = new Float32Array((size - 1) * examples * size)
        for (let n = 0; n < examples; n++) {
          multinomialFactor({ p, from: n * size, classes: size }, out, n * size, examples * size)
        }
        return out
      }
    }
  }
}

/** `Many.scores` for the probabilities `[N, C]`. */
const scores = (
  p: Float64Array,
  examples: number,
  classes: number,
  y: Float64Array,
  factors: Float64Array
): Float32Array => {
  const out = new Float32Array(factors.length * classes)
  for (let row = 0, n = 0; row < factors.length; row++, n = n + 1 === examples ? 0 : n + 1) {
    const factor = factors[row]!
    if (factor === 0) continue
    const [from, to, label] = [n * classes, row * classes, y[row]!]
    let others = 0
    for (let c = 0; c < classes; c++) {
      if (c === label) continue
      const probability = p[from + c]!
      others += probability
      out[to + c] = factor * -probability
    }
    out[to + label] = factor * others
  }
  return out
}

/** y is a class index 0 ... C - 1; z are C >= 2 logits. */
export const categorical: Likelihood = {
  name: "categorical",
  inverseLink: "softmax",
  labelSize: () => 1,
  support: (outputs) => outputs,
  columns: (outputs) => outputs - 1,
  misfit: (outputs) =>
    outputs >= 2
      ? undefined
      : new ShapeMismatch({
          what: "outputs of a categorical network",
          expected: "at least 2",
          actual: String(outputs),
          message: `A categorical likelihood over ${outputs} class says nothing. Give the network at least 2 outputs, or use Likelihood.bernoulli.`
        }),
  invalid: (y, outputs, example) =>
    Number.isInteger(y[0]) && y[0]! >= 0 && y[0]! < outputs
      ? undefined
      : new InvalidLabel({
          likelihood: "categorical",
          example,
          value: String(y[0]),
          message: `The label of example ${example} is ${y[0]}. A categorical label is a class index from 0 to ${outputs - 1}.`
        }),
  at,
  many
}

/** `classWeights`: one for each class, 0 or from 1e-150 to 1e150. */
export const CategoricalOptions = Schema.Struct({
  classWeights: Schema.Array(ClassWeight).check(
    Schema.makeFilter((weights) => weights.length >= 2 || "Give at least 2 weights.")
  )
})
export type CategoricalOptions = typeof CategoricalOptions.Type

/**
 * Categorical, with examples reweighed by the class of their own label: one of class c counts w_c times.
 *
 * *Math*: the loss of an example is -w_c log p(c|z), c its label in the data: the weighted cross-entropy, a mean over examples that no
 * sum of weights divides. The Fisher is (1/N) sum_n w_{c_n} E_{y ~ p(y|x_n)}[score score^T], the generalised Gauss-Newton matrix of that
 * loss: y is drawn from p, and the weight is that of the label of the data, not of the draw, or scores would not have the mean 0. The
 * empirical Fisher is (1/N) sum_n w_{c_n} score_n score_n^T, of the scores of p at the labels; the squares of the gradients of the loss
 * would have w^2.
 *
 * An example of weight 0 counts nowhere. The Fisher needs data with labels. *Throws*: `InvalidArgument`.
 */
export const categoricalWith = (options: CategoricalOptions): Likelihood => {
  const classWeights = [...decodeOrThrow(CategoricalOptions, options).classWeights]
  const name = `categorical(class weights ${classWeights.join(", ")})`
  return {
    ...categorical,
    name,
    misfit: (outputs) =>
      outputs === classWeights.length
        ? categorical.misfit(outputs)
        : new ShapeMismatch({
            what: "outputs of a categorical network",
            expected: String(classWeights.length),
            actual: String(outputs),
            message: `The network has ${outputs} outputs and there are ${classWeights.length} class weights. Give each output its weight.`
          }),
    observes: true,
    at: (z, observed) =>
      observed === undefined ? at(z) : weighted(at(z), classWeights[observed[0]!]!, z.length, z.length - 1)
  }
}
