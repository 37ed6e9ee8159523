/**
 * Likelihoods p(y | z) in float64. The expectations over y are taken by their definition: a sum over every
 * label, or Gauss-Hermite quadrature. The closed forms are given beside them so that the two can be
 * compared.
 *
 * A label is always a vector of `labelSize(C)` numbers: the class [k] of a categorical, C numbers
 * otherwise.
 */
import { sigmoid, softplus } from "./activations.ts"
import { type Rows, tabulate, type Vector, zeros } from "./linear.ts"
import { gaussHermite, type Node, product } from "./quadrature.ts"

export type Label = ArrayLike<number>

export interface Outcome {
  readonly y: Label
  /** The probability of y, or the quadrature weight. The sum over the support is 1. */
  readonly probability: number
}

export interface OracleLikelihood {
  readonly name: string
  readonly labelSize: (outputs: number) => number
  /** Every label with its probability; for a continuous y the nodes of a quadrature with their weights. */
  readonly support: (z: Vector) => ReadonlyArray<Outcome>
  readonly expectation: (z: Vector, f: (y: Label) => number) => number
  /** log p(y | z), constants included. */
  readonly logProbability: (z: Vector, y: Label) => number
  /** d log p / dz. */
  readonly score: (z: Vector, y: Label) => Float64Array
  /** The second derivatives of -log p in z. */
  readonly hessian: (z: Vector, y: Label) => Rows
  /** E_y[score score^T] over the support. */
  readonly fisher: (z: Vector) => Rows
  readonly closedFormFisher: (z: Vector) => Rows
  /** KL(p(. | z) || p(. | other)). */
  readonly kl: (z: Vector, other: Vector) => number
}

export interface Own extends Omit<OracleLikelihood, "expectation" | "fisher"> {
  /** A smaller support on which E[score score^T] is still exact. */
  readonly fisherSupport?: OracleLikelihood["support"]
}

/** Adds what follows from the support and the score. */
export const make = ({ fisherSupport, ...own }: Own): OracleLikelihood => ({
  ...own,
  expectation: (z, f) => own.support(z).reduce((sum, { probability, y }) => sum + probability * f(y), 0),
  fisher: (z) => {
    const total = zeros(z.length, z.length)
    for (const { probability, y } of (fisherSupport ?? own.support)(z)) {
      const s = own.score(z, y)
      s.forEach((a, i) => {
        s.forEach((b, j) => {
          total[i]![j]! += probability * a * b
        })
      })
    }
    return total
  }
})

/** log p, accurate where p is near 1 too: the largest logit is taken out of the sum. */
const logSoftmax = (z: Vector): ReadonlyArray<number> => {
  const all = Array.from(z)
  const top = all.indexOf(Math.max(...all))
  const shifted = all.map((v) => v - all[top]!)
  const rest = shifted.reduce((sum, v, k) => (k === top ? sum : sum + Math.exp(v)), 0)
  return shifted.map((v) => v - Math.log1p(rest))
}

const softmax = (z: Vector): ReadonlyArray<number> => logSoftmax(z).map(Math.exp)

/** 1 - p_k as the sum of the other probabilities, which does not cancel where p_k is near 1. */
const complement = (p: ReadonlyArray<number>, k: number): number =>
  p.reduce((sum, v, i) => (i === k ? sum : sum + v), 0)

/** diag p - p p^T. */
const categoricalCovariance = (z: Vector): Rows => {
  const p = softmax(z)
  return tabulate(z.length, z.length, (i, j) => p[i]! * (i === j ? complement(p, i) : -p[j]!))
}

/** One of C classes, z the logits. */
export const categorical: OracleLikelihood = make({
  name: "categorical",
  labelSize: () => 1,
  support: (z) => softmax(z).map((probability, k) => ({ y: [k], probability })),
  logProbability: (z, y) => logSoftmax(z)[y[0]!]!,
  // e_y - p.
  score: (z, y) => Float64Array.from(softmax(z), (p, i) => (i === y[0] ? complement(softmax(z), i) : -p)),
  hessian: categoricalCovariance,
  closedFormFisher: categoricalCovariance,
  kl: (z, other) => {
    const [log, logOther] = [logSoftmax(z), logSoftmax(other)]
    return log.reduce((sum, l, i) => sum + Math.exp(l) * (l - logOther[i]!), 0)
  }
})

/** log P(y_c = 1) and log P(y_c = 0) of one logit. */
const logBit = (logit: number, bit: number): number => -softplus(bit === 1 ? -logit : logit)

const bernoulliCovariance = (z: Vector): Rows =>
  tabulate(z.length, z.length, (i, j) => (i === j ? sigmoid(z[i]!) * sigmoid(-z[i]!) : 0))

const sumOver = (z: Vector, f: (v: number, c: number) => number): number =>
  Array.from(z, f).reduce((a, b) => a + b, 0)

/** C independent bits, z the logits. The support is all of the 2^C labels. */
export const bernoulli: OracleLikelihood = make({
  name: "bernoulli",
  labelSize: (outputs) => outputs,
  support: (z) =>
    product(
      Array.from(z, (logit) =>
        [0, 1].map((value) => ({ value, weight: sigmoid(value === 1 ? logit : -logit) }))
      )
    ),
  logProbability: (z, y) => sumOver(z, (logit, c) => logBit(logit, y[c]!)),
  // y - sigmoid(z).
  score: (z, y) => Float64Array.from(z, (logit, c) => (y[c] === 1 ? sigmoid(-logit) : -sigmoid(logit))),
  hessian: bernoulliCovariance,
  closedFormFisher: bernoulliCovariance,
  kl: (z, other) =>
    sumOver(z, (logit, c) =>
      [0, 1].reduce(
        (sum, bit) => sum + Math.exp(logBit(logit, bit)) * (logBit(logit, bit) - logBit(other[c]!, bit)),
        0
      )
    )
})

/** The product quadrature of C independent normals with means z, from a rule for the standard normal. */
const normalSupport = (rule: ReadonlyArray<Node>, z: Vector, variance: number): ReadonlyArray<Outcome> => {
  const sd = Math.sqrt(variance)
  return product(
    Array.from(z, (mean) => rule.map(({ value, weight }) => ({ value: mean + sd * value, weight })))
  )
}

/**
 * C independent normals with means z and one fixed variance. The support has `nodes` points in each
 * coordinate: its expectations are exact for polynomials in y up to degree 2 nodes - 1 in each coordinate.
 * The Fisher, of degree 2, takes two.
 */
export const gaussian = (variance: number, nodes = 3): OracleLikelihood => {
  const rule = gaussHermite(nodes)
  const pair = gaussHermite(2)
  const precision = (z: Vector): Rows => tabulate(z.length, z.length, (i, j) => (i === j ? 1 / variance : 0))
  return make({
    name: `gaussian(variance ${variance})`,
    labelSize: (outputs) => outputs,
    support: (z) => normalSupport(rule, z, variance),
    fisherSupport: (z) => normalSupport(pair, z, variance),
    logProbability: (z, y) =>
      sumOver(z, (mean, c) => -((y[c]! - mean) ** 2) / (2 * variance) - Math.log(2 * Math.PI * variance) / 2),
    score: (z, y) => Float64Array.from(z, (mean, c) => (y[c]! - mean) / variance),
    hessian: precision,
    closedFormFisher: precision,
    kl: (z, other) => sumOver(z, (mean, c) => (mean - other[c]!) ** 2) / (2 * variance)
  })
}
