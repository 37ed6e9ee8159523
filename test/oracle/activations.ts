/** The activations and their first derivatives, in float64. */
export type ActivationName = "tanh" | "relu" | "sigmoid" | "gelu" | "softplus" | "identity"

/** Those that the laws of single layers and of networks know, and the laws of Fishers do not run over. */
export type FurtherName = "elu" | "selu" | "silu" | "softsign" | "relu6"

export type AnyActivationName = ActivationName | FurtherName

export interface Activation {
  readonly f: (x: number) => number
  /** f'. */
  readonly df: (x: number) => number
}

export const sigmoid = (x: number): number =>
  x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))

/** log(1 + e^x). */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

/**
 * erf by 2/sqrt(pi) e^(-x^2) sum_k 2^k x^(2k+1) / (1 3 5 ... (2k+1)), whose terms all have one sign
 * (Abramowitz and Stegun 7.1.6). Beyond |x| = 6 it is 1 to the last bit.
 */
export const erf = (x: number): number => {
  if (Math.abs(x) >= 6) return Math.sign(x)
  let term = x
  let sum = x
  for (let k = 1; Math.abs(term) > 1e-18 * Math.abs(sum); k++) {
    term *= (2 * x * x) / (2 * k + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** 1 - erf(x), accurate in the right tail too: from x = 1 on by the continued fraction A&S 7.1.14. */
export const erfc = (x: number): number => {
  if (x < 1) return 1 - erf(x)
  let tail = x
  for (let k = 200; k >= 1; k--) tail = x + k / 2 / tail
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * tail)
}

/** The standard normal distribution function. */
export const normalCdf = (x: number): number => erfc(-x / Math.SQRT2) / 2

const normalDensity = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)

/** lambda and lambda alpha of Klambauer et al. 2017: the fixed point of mean 0 and variance 1. */
const selu = { over: 1.0507009873554804934193349852946, below: 1.7580993408473768599402175208123 }

export const activations: Readonly<Record<AnyActivationName, Activation>> = {
  tanh: { f: Math.tanh, df: (x) => 1 / Math.cosh(x) ** 2 },
  // At the kink the derivative is taken as 0.
  relu: { f: (x) => (x > 0 ? x : 0), df: (x) => (x > 0 ? 1 : 0) },
  sigmoid: { f: sigmoid, df: (x) => sigmoid(x) * sigmoid(-x) },
  // The exact form x Phi(x), not the tanh approximation.
  gelu: { f: (x) => x * normalCdf(x), df: (x) => normalCdf(x) + x * normalDensity(x) },
  softplus: { f: softplus, df: sigmoid },
  identity: { f: (x) => x, df: () => 1 },
  elu: { f: (x) => (x > 0 ? x : Math.expm1(x)), df: (x) => (x > 0 ? 1 : Math.exp(x)) },
  // At the kink the derivative is that of below, lambda alpha.
  selu: {
    f: (x) => (x > 0 ? selu.over * x : selu.below * Math.expm1(x)),
    df: (x) => (x > 0 ? selu.over : selu.below * Math.exp(x))
  },
  silu: { f: (x) => x * sigmoid(x), df: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) },
  softsign: { f: (x) => x / (1 + Math.abs(x)), df: (x) => 1 / (1 + Math.abs(x)) ** 2 },
  relu6: { f: (x) => Math.min(Math.max(x, 0), 6), df: (x) => (x > 0 && x < 6 ? 1 : 0) }
}

export const activationNames: ReadonlyArray<ActivationName> = [
  "tanh",
  "relu",
  "sigmoid",
  "gelu",
  "softplus",
  "identity"
]

export const furtherNames: ReadonlyArray<FurtherName> = ["elu", "selu", "silu", "softsign", "relu6"]
