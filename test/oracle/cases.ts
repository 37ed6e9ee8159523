/** Small random problems over every likelihood and activation, the inputs of the laws. */
import { type ActivationName, type AnyActivationName, activationNames } from "./activations.ts"
import type { Labels } from "./fisher.ts"
import { bernoulli, categorical, gaussian, type OracleLikelihood } from "./likelihoods.ts"
import type { Matrix, Vector } from "./linear.ts"
import { layerValues, type OracleNetwork, outputSize, size } from "./network.ts"
import { type Generator, generator } from "./random.ts"

export interface Case {
  readonly net: OracleNetwork
  readonly likelihood: OracleLikelihood
  readonly theta: Vector
  readonly X: Matrix
  readonly Y: Labels
}

export const likelihoods: ReadonlyArray<OracleLikelihood> = [categorical, bernoulli, gaussian(0.49)]

/** Every likelihood with every activation. */
export const pairs: ReadonlyArray<{
  readonly likelihood: OracleLikelihood
  readonly activation: ActivationName
}> = likelihoods.flatMap((likelihood) => activationNames.map((activation) => ({ likelihood, activation })))

/** Dense layers of these widths, with bias, the activation between them. */
export const mlp = (
  features: number,
  widths: ReadonlyArray<number>,
  activation: AnyActivationName
): OracleNetwork => ({
  features,
  layers: widths.flatMap((units, l) => [
    ...(l === 0 ? [] : [{ kind: "activation", name: activation } as const]),
    { kind: "dense", units, bias: true } as const
  ])
})

/** A label that any likelihood here accepts in its own form. It need not follow the model. */
export const anyLabel = (
  random: Generator,
  likelihood: OracleLikelihood,
  outputs: number
): ReadonlyArray<number> => {
  if (likelihood.name === "categorical") return [random.integer(outputs)]
  if (likelihood.name === "bernoulli") return Array.from({ length: outputs }, () => random.integer(2))
  return Array.from(random.normals(outputs))
}

/** The inputs of every activation layer. */
const activationInputs = (
  net: OracleNetwork,
  theta: Vector,
  x: Vector
): ReadonlyArray<ReadonlyArray<number>> => {
  const values = layerValues(net, theta, x)
  return net.layers.flatMap((layer, l) => (layer.kind === "activation" ? [Array.from(values[l]!)] : []))
}

/**
 * An input that leaves no activation within `margin` of a kink at 0, and no layer wholly on its dead side.
 */
const smoothInput = (
  random: Generator,
  net: OracleNetwork,
  theta: Vector,
  margin: number
): Vector | undefined => {
  for (let attempt = 0; attempt < 100; attempt++) {
    const x = random.normals(net.features)
    const layers = activationInputs(net, theta, x)
    if (layers.flat().every((s) => Math.abs(s) >= margin) && layers.every((s) => Math.max(...s) > 0)) return x
  }
  return undefined
}

/**
 * A 3-4-3-3 network at 6 examples. Its three dense layers matter: with fewer, a network that is linear or
 * piecewise linear in its activations is at most quadratic in theta, and the remainders whose order the
 * laws fit are exactly zero. The margin to the kinks shrinks until parameters with enough smooth inputs are
 * found.
 */
export const makeCase = (
  likelihood: OracleLikelihood,
  activation: AnyActivationName,
  seed: number,
  net: OracleNetwork = mlp(3, [4, 3, 3], activation),
  examples = 6
): Case => {
  const random = generator(seed)
  for (let margin = 0.25; ; margin *= 0.9) {
    const theta = random.normals(size(net)).map((v) => 0.7 * v)
    const X = Array.from({ length: examples }, () => smoothInput(random, net, theta, margin))
    if (!X.every((x) => x !== undefined)) continue
    return { net, likelihood, theta, X, Y: X.map(() => anyLabel(random, likelihood, outputSize(net))) }
  }
}

/**
 * Whether every activation's input has one sign over all the thetas, at every x: no kink at 0 is then
 * crossed.
 */
export const sameSide = ({ X, net }: Case, thetas: Matrix): boolean => {
  const pattern = (theta: Vector) =>
    JSON.stringify(
      X.map((x) =>
        activationInputs(net, theta, x)
          .flat()
          .map((s) => s > 0)
      )
    )
  return new Set(thetas.map(pattern)).size <= 1
}
