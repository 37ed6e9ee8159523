/**
 * Families of one number y with one z each, lifted to C independent numbers.
 *
 * Counts are enumerated until a probability is below 1e-22; densities are integrated by the trapezoidal rule after a change
 * of variable that makes it exact to float64, which gives their constants too: no special function is used here.
 */
import { make, type OracleLikelihood } from "../likelihoods.ts"
import { tabulate, type Vector } from "../linear.ts"
import { type Node, product } from "../quadrature.ts"

export interface Scalar {
  readonly name: string
  readonly nodes: (z: number) => ReadonlyArray<Node>
  readonly logProbability: (z: number, y: number) => number
  readonly score: (z: number, y: number) => number
  /** The second derivative of -log p in z. */
  readonly hessian: (z: number, y: number) => number
  readonly fisher: (z: number) => number
  readonly kl: (z: number, other: number) => number
  /** The magnitudes that log p and KL are sums of. */
  readonly logSize: (z: number, y: number) => number
  readonly klSize: (z: number, other: number) => number
}

/** A probability that is left out: the laws are to some 1e-15. */
const least = 1e-18

const sumOver = (z: Vector, f: (v: number, c: number) => number): number =>
  Array.from(z, f).reduce((a, b) => a + b, 0)

/** C independent numbers. Nodes of a density of a weight below 1e-18 are left out. */
export const lift = (one: Scalar): OracleLikelihood =>
  make({
    name: one.name,
    labelSize: (outputs) => outputs,
    support: (z) => {
      const all = product(Array.from(z, one.nodes))
      return "quartiles" in one ? all.filter(({ probability }) => probability > least) : all
    },
    logProbability: (z, y) => sumOver(z, (v, c) => one.logProbability(v, y[c]!)),
    score: (z, y) => Float64Array.from(z, (v, c) => one.score(v, y[c]!)),
    hessian: (z, y) => tabulate(z.length, z.length, (i, j) => (i === j ? one.hessian(z[i]!, y[i]!) : 0)),
    closedFormFisher: (z) => tabulate(z.length, z.length, (i, j) => (i === j ? one.fisher(z[i]!) : 0)),
    kl: (z, other) => sumOver(z, (v, c) => one.kl(v, other[c]!))
  })

/** Every count from 0 on with its probability: past the mean, to 1e-22 of the probability of no 0. */
const counts = (mean: number, logMass: (y: number) => number): ReadonlyArray<Node> => {
  const nodes: Array<Node> = []
  for (let y = 0; y <= mean || nodes.at(-1)!.weight > 1e-22 * Math.min(1, mean); y++)
    nodes.push({ value: y, weight: Math.exp(logMass(y)) })
  return nodes
}

/** sum_{j < n} f(j), compensated (Kahan), so that a long sum is exact to an ulp. */
const compensated = (n: number, f: (j: number) => number): number => {
  let [sum, lost] = [0, 0]
  for (let j = 0; j < n; j++) {
    const term = f(j) - lost
    const next = sum + term
    lost = next - sum - term
    sum = next
  }
  return sum
}

const logFactorial = (y: number): number => compensated(y, (j) => Math.log(j + 1))

/** p(y) = e^(y z - e^z) / y!. */
const poissonMass = (z: number, y: number): number => y * z - Math.exp(z) - logFactorial(y)

export const poisson: Scalar = {
  name: "poisson",
  nodes: (z) => counts(Math.exp(z), (y) => poissonMass(z, y)),
  logProbability: poissonMass,
  score: (z, y) => y - Math.exp(z),
  hessian: (z) => Math.exp(z),
  fisher: (z) => Math.exp(z),
  kl: (z, other) => Math.exp(other) - Math.exp(z) + Math.exp(z) * (z - other),
  logSize: (z, y) => y * Math.abs(z) + Math.exp(z) + logFactorial(y),
  klSize: (z, other) => Math.exp(other) + Math.exp(z) * (1 + Math.abs(z - other))
}

/** A negative binomial of mean m = e^z: y failures before r successes of probability r / (m + r). */
export const negativeBinomial = (r: number): Scalar => {
  const choose = (y: number): number => compensated(y, (j) => Math.log((r + j) / (1 + j)))
  /** log(m / (m + r)) and log(r / (m + r)). */
  const logs = (z: number): readonly [number, number] => [
    z - Math.log(r) - Math.log1p(Math.exp(z) / r),
    -Math.log1p(Math.exp(z) / r)
  ]
  const logMass = (z: number, y: number): number =>
    choose(y) + (y === 0 ? 0 : y * logs(z)[0]) + r * logs(z)[1]
  const terms = (z: number, other: number): readonly [number, number] => {
    const [[p, q], [p2, q2]] = [logs(z), logs(other)]
    return [Math.exp(z) === 0 ? 0 : Math.exp(z) * (p - p2), r * (q - q2)]
  }
  return {
    name: `negativeBinomial(${r})`,
    nodes: (z) => counts(Math.exp(z), (y) => logMass(z, y)),
    logProbability: logMass,
    score: (z, y) => (r * (y - Math.exp(z))) / (Math.exp(z) + r),
    hessian: (z, y) => (r * Math.exp(z) * (y + r)) / (Math.exp(z) + r) ** 2,
    fisher: (z) => (r * Math.exp(z)) / (Math.exp(z) + r),
    kl: (z, other) => terms(z, other)[0] + terms(z, other)[1],
    logSize: (z, y) =>
      Math.abs(choose(y)) + Math.abs(y === 0 ? 0 : y * logs(z)[0]) + Math.abs(r * logs(z)[1]),
    klSize: (z, other) => {
      const [[p, q], [p2, q2]] = [logs(z), logs(other)]
      return Math.exp(z) * Math.abs(p + p2) + r * Math.abs(q + q2)
    }
  }
}

interface Density extends Omit<Scalar, "nodes" | "logProbability" | "logSize"> {
  /** log p without its constant, and the magnitudes of its terms. */
  readonly logKernel: (z: number, y: number) => number
  readonly kernelSize: (z: number, y: number) => number
  /** y at u, and log |dy / du|. */
  readonly place: (z: number, u: number) => number
  readonly logSlope: (z: number, u: number) => number
  readonly nearest?: Continuous["nearest"]
  readonly from: number
  readonly to: number
  readonly step: number
}

export interface Continuous extends Scalar {
  /** The quartiles of y at z, and y as the equal one that is nearest to z. */
  readonly quartiles: (z: number) => ReadonlyArray<number>
  readonly nearest: (z: number, y: number) => number
}

const grid = (from: number, to: number, step: number): ReadonlyArray<number> =>
  Array.from({ length: Math.round((to - from) / step) }, (_, i) => from + (i + 0.5) * step)

const density = (own: Density): Continuous => {
  const mass = (z: number, u: number): number =>
    Math.exp(own.logKernel(z, own.place(z, u)) + own.logSlope(z, u))
  const us = grid(own.from, own.to, own.step)
  // Location and scale families: the constant at z = 0 is the constant.
  const constant = -Math.log(us.reduce((sum, u) => sum + mass(0, u), 0) * own.step)
  // At z = 0 too: the weight of the node at u does not depend on z.
  const weights = us.map((u) => Math.exp(constant) * mass(0, u) * own.step)
  const fine = grid(own.from, own.to, own.step / 64)
  const quartileAt = (q: number): number => {
    let below = 0
    for (const u of fine) {
      const here = (Math.exp(constant) * mass(0, u) * own.step) / 64
      if (below + here >= q) return u + ((q - below) / here - 0.5) * (own.step / 64)
      below += here
    }
    throw new RangeError("no quartile")
  }
  const quartiles = [0.25, 0.5, 0.75].map(quartileAt)
  return {
    nearest: (_, y) => y,
    ...own,
    nodes: (z) =>
      us
        .map((u, i) => ({ value: own.place(z, u), weight: weights[i]! }))
        .filter(({ weight }) => weight > least / 10),
    logProbability: (z, y) => own.logKernel(z, y) + constant,
    logSize: (z, y) => own.kernelSize(z, y) + Math.abs(constant),
    quartiles: (z) => quartiles.map((u) => own.place(z, u))
  }
}

/** Mean e^z and shape k; y = e^(z + u). */
export const gamma = (k: number): Continuous =>
  density({
    name: `gamma(${k})`,
    logKernel: (z, y) => (k - 1) * Math.log(y) - k * z - k * y * Math.exp(-z),
    kernelSize: (z, y) => Math.abs((k - 1) * Math.log(y)) + k * (Math.abs(z) + y * Math.exp(-z)),
    score: (z, y) => k * (y * Math.exp(-z) - 1),
    hessian: (z, y) => k * y * Math.exp(-z),
    fisher: () => k,
    kl: (z, other) => k * (Math.exp(z - other) - 1 - (z - other)),
    klSize: (z, other) => k * (Math.exp(z - other) + 1 + Math.abs(z - other)),
    place: (z, u) => Math.exp(z + u),
    logSlope: (z, u) => z + u,
    from: -48 / k,
    to: 4.5,
    step: 0.2
  })

/**
 * Location z; y = z + s sqrt(nu) sinh(u), where the density is that of cosh(u)^-nu.
 *
 * The divergence by the Fourier series of log(A + R cos) under y = z + s sqrt(nu) tan(theta): with D = distance / (s sqrt(nu)) and
 * rho = D / sqrt(4 + D^2), KL = (nu + 1) / 2 (log(1 + D^2 / 4) - 2 sum_j (-rho)^j cos(j phi) c_j / j), cos(phi) = rho,
 * c_j = E[cos(2 j theta)], which ends for odd nu.
 */
export const studentT = (nu: number, s: number): Continuous => {
  const kl = (z: number, other: number): number => {
    const d = Math.abs(other - z) / (s * Math.sqrt(nu))
    const rho = d / Math.sqrt(4 + d * d)
    const phi = Math.atan2(2, d)
    let [sum, c] = [Math.log1p((d * d) / 4), 1]
    for (let j = 1; j <= 20_000 && c !== 0; j++) {
      c *= ((nu - 1) / 2 - (j - 1)) / ((nu + 1) / 2 + (j - 1))
      sum -= (2 * (-rho) ** j * Math.cos(j * phi) * c) / j
    }
    return ((nu + 1) / 2) * sum
  }
  return density({
    name: `studentT(${nu}, ${s})`,
    logKernel: (z, y) => (-(nu + 1) / 2) * Math.log1p((y - z) ** 2 / (nu * s * s)),
    kernelSize: (z, y) => ((nu + 1) / 2) * Math.log1p((y - z) ** 2 / (nu * s * s)),
    score: (z, y) => ((nu + 1) * (y - z)) / (nu * s * s + (y - z) ** 2),
    hessian: (z, y) => ((nu + 1) * (nu * s * s - (y - z) ** 2)) / (nu * s * s + (y - z) ** 2) ** 2,
    fisher: () => (nu + 1) / ((nu + 3) * s * s),
    kl,
    // Ours is a quadrature, to 1e-13.
    klSize: (z, other) => 100 * kl(z, other),
    place: (z, u) => z + s * Math.sqrt(nu) * Math.sinh(u),
    logSlope: (_, u) => Math.log(s * Math.sqrt(nu) * Math.cosh(u)),
    from: -46 / nu,
    to: 46 / nu,
    step: 0.125
  })
}

/** Mean direction z; y = z + u around the circle, where the rule is exact to the 96th Fourier term. */
export const vonMises = (kappa: number): Continuous => {
  const us = grid(-Math.PI, Math.PI, Math.PI / 48)
  const total = us.reduce((sum, u) => sum + Math.exp(kappa * Math.cos(u)), 0)
  const lambda = kappa * (us.reduce((sum, u) => sum + Math.cos(u) * Math.exp(kappa * Math.cos(u)), 0) / total)
  return density({
    name: `vonMises(${kappa})`,
    logKernel: (z, y) => kappa * Math.cos(y - z),
    kernelSize: () => kappa,
    score: (z, y) => kappa * Math.sin(y - z),
    hessian: (z, y) => kappa * Math.cos(y - z),
    fisher: () => lambda,
    kl: (z, other) => lambda * (1 - Math.cos(z - other)),
    klSize: () => lambda,
    place: (z, u) => z + u,
    logSlope: () => 0,
    nearest: (z, y) => z + Math.atan2(Math.sin(y - z), Math.cos(y - z)),
    from: -Math.PI,
    to: Math.PI,
    step: Math.PI / 48
  })
}

const logistic = (t: number): number => 1 / (1 + Math.exp(-t))

/** Levels cut by thresholds: P(y <= k) = logistic(b_k - z). */
export const ordinal = (thresholds: ReadonlyArray<number>): Scalar => {
  const last = thresholds.length
  const above = (z: number, k: number): number => (k === last ? Number.POSITIVE_INFINITY : thresholds[k]! - z)
  const below = (z: number, k: number): number =>
    k === 0 ? Number.NEGATIVE_INFINITY : thresholds[k - 1]! - z
  /** log(logistic(a) - logistic(b)) = log(logistic(a) logistic(-b)) + log(1 - e^(b - a)). */
  const logLogistic = (t: number): number => (t > 0 ? -Math.log1p(Math.exp(-t)) : t - Math.log1p(Math.exp(t)))
  const log = (z: number, k: number): number => {
    const [a, b] = [above(z, k), below(z, k)]
    const own = k === 0 || k === last ? 0 : Math.log1p(-Math.exp(thresholds[k - 1]! - thresholds[k]!))
    return (k === last ? 0 : logLogistic(a)) + (k === 0 ? 0 : logLogistic(-b)) + own
  }
  const levels = Array.from({ length: last + 1 }, (_, k) => k)
  const nodes = (z: number) => levels.map((value) => ({ value, weight: Math.exp(log(z, value)) }))
  const score = (z: number, k: number): number => logistic(below(z, k)) - logistic(-above(z, k))
  const bump = (t: number): number => logistic(t) * logistic(-t)
  return {
    name: "ordinal",
    nodes,
    logProbability: log,
    score,
    hessian: (z, k) => (k === last ? 0 : bump(above(z, k))) + (k === 0 ? 0 : bump(below(z, k))),
    fisher: (z) => nodes(z).reduce((sum, { value, weight }) => sum + weight * score(z, value) ** 2, 0),
    kl: (z, other) =>
      nodes(z).reduce((sum, { value, weight }) => sum + weight * (log(z, value) - log(other, value)), 0),
    logSize: (z, k) => Math.abs(log(z, k)) + 1,
    klSize: (z, other) =>
      nodes(z).reduce(
        (sum, { value, weight }) => sum + weight * (Math.abs(log(z, value)) + Math.abs(log(other, value))),
        0
      )
  }
}
