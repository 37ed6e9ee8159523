/**
 * -E_y[d^2 log p / dt^2] along lines theta + t u, exactly: Taylor arithmetic to order 2 through the network. No difference quotient, no
 * Jacobian and no Fisher.
 */
import { type AnyActivationName, activations, sigmoid } from "./activations.ts"
import type { Case } from "./cases.ts"
import { convolved, type OracleImage } from "./convolution.ts"
import type { OracleLikelihood, Outcome } from "./likelihoods.ts"
import { dot, matvec, type Vector, zeros } from "./linear.ts"
import { blocks, type OracleLayer, type OracleNetwork, outputs } from "./network.ts"

/** f''. */
const curvatures: Readonly<Record<AnyActivationName, (x: number) => number>> = {
  tanh: (x) => (-2 * Math.tanh(x)) / Math.cosh(x) ** 2,
  relu: () => 0,
  sigmoid: (x) => sigmoid(x) * sigmoid(-x) * (sigmoid(-x) - sigmoid(x)),
  // phi(x) (2 - x^2), phi the normal density.
  gelu: (x) => (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * (2 - x * x),
  softplus: (x) => sigmoid(x) * sigmoid(-x),
  identity: () => 0,
  elu: (x) => (x > 0 ? 0 : Math.exp(x)),
  selu: (x) => (x > 0 ? 0 : activations.selu.df(x)),
  silu: (x) => sigmoid(x) * sigmoid(-x) * (2 + x * (sigmoid(-x) - sigmoid(x))),
  softsign: (x) => (-2 * Math.sign(x)) / (1 + Math.abs(x)) ** 3,
  relu6: () => 0
}

/** a + b t + c t^2 + ... for each of some numbers. */
interface Taylor {
  readonly value: Vector
  readonly first: Vector
  readonly second: Vector
}

const plus = (...terms: ReadonlyArray<Vector>): Float64Array =>
  Float64Array.from(terms[0]!, (_, i) => terms.reduce((sum, term) => sum + term[i]!, 0))

/** The layer by itself, as a function of its input and parameters: linear in both but for the bias. */
const alone = (layer: OracleLayer, features: number, image: OracleImage | undefined) => {
  const net: OracleNetwork = { features, ...(image && { image }), layers: [layer] }
  const [block] = blocks(net)
  const numbers = block!.inputs * block!.units
  return {
    /** a K + b. */
    affine: (parameters: Vector, a: Vector) => outputs(net, parameters, a),
    /** a K. */
    linear: (parameters: Vector, a: Vector) =>
      outputs(
        net,
        Float64Array.from(parameters, (v, i) => (i < numbers ? v : 0)),
        a
      )
  }
}

/** z(theta + t u) to order 2. */
export const outputsAlong = (net: OracleNetwork, theta: Vector, u: Vector, x: Vector): Taylor => {
  const zero = new Float64Array(x.length)
  let now: Taylor = { value: x, first: zero, second: zero }
  let { image } = net
  let next = 0
  const all = blocks(net)
  net.layers.forEach((layer) => {
    const { first, second, value } = now
    if (layer.kind === "dense" || layer.kind === "conv2d") {
      const { offset, size } = all[next++]!
      const own = Float64Array.from({ length: size }, (_, i) => theta[offset + i]!)
      const moved = Float64Array.from({ length: size }, (_, i) => u[offset + i]!)
      const { affine, linear } = alone(layer, value.length, layer.kind === "conv2d" ? image : undefined)
      now = {
        value: affine(own, value),
        first: plus(linear(own, first), affine(moved, value)),
        second: plus(linear(own, second), linear(moved, first))
      }
      if (layer.kind === "conv2d") image = convolved(layer, image!)
    } else if (layer.kind === "activation") {
      const { df, f } = activations[layer.name]
      const curvature = curvatures[layer.name]
      now = {
        value: Float64Array.from(value, f),
        first: Float64Array.from(value, (a, i) => df(a) * first[i]!),
        second: Float64Array.from(value, (a, i) => df(a) * second[i]! + (curvature(a) / 2) * first[i]! ** 2)
      }
    }
  })
  return now
}

/** A sum, and the sum of the magnitudes of its terms: rounding is relative to that. */
export interface Summed {
  readonly value: number
  readonly magnitude: number
}

/** The averages of the score and of the second derivatives of -log p in z, and of their magnitudes. */
const averages = (likelihood: OracleLikelihood, z: Vector, support: ReadonlyArray<Outcome>) => {
  const n = z.length
  const mean = { score: new Float64Array(n), bend: zeros(n, n) }
  const size = { score: new Float64Array(n), bend: zeros(n, n) }
  for (const { probability, y } of support) {
    const score = likelihood.score(z, y)
    likelihood.hessian(z, y).forEach((row, i) => {
      mean.score[i]! += probability * score[i]!
      size.score[i]! += probability * Math.abs(score[i]!)
      for (let j = 0; j < n; j++) {
        mean.bend[i]![j]! += probability * row[j]!
        size.bend[i]![j]! += probability * Math.abs(row[j]!)
      }
    })
  }
  return { mean, size }
}

/**
 * -(1/N) sum_n E_y[d^2 log p(y | x_n, theta + t u) / dt^2] at t = 0 for each u, y over the given support of example n: u^T F u where
 * that is the model's own, the second derivative of the loss where it is the data's label.
 */
export const hessianForms = (
  { X, likelihood, net, theta }: Case,
  us: ReadonlyArray<Vector>,
  support: (n: number, z: Vector) => ReadonlyArray<Outcome> = (_, z) => likelihood.support(z)
): ReadonlyArray<Summed> => {
  const forms = us.map(() => ({ value: 0, magnitude: 0 }))
  X.forEach((x, n) => {
    const z = outputs(net, theta, x)
    const { mean, size } = averages(likelihood, z, support(n, z))
    us.forEach((u, k) => {
      const { first, second } = outputsAlong(net, theta, u, x)
      const [absFirst, absSecond] = [Float64Array.from(first, Math.abs), Float64Array.from(second, Math.abs)]
      const form = forms[k]!
      form.value += (dot(first, matvec(mean.bend, first)) - 2 * dot(mean.score, second)) / X.length
      form.magnitude +=
        (dot(absFirst, matvec(size.bend, absFirst)) + 2 * dot(size.score, absSecond)) / X.length
    })
  })
  return forms
}
