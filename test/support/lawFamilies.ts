/** Every likelihood with what its laws need: points, the magnitudes that errors are measured in, and cells for its draws. */
import { Distributions, Likelihood } from "../../src/index.ts"
import { nothing, times } from "../oracle/likelihoods/counted.ts"
import * as Gaussians from "../oracle/likelihoods/gaussians.ts"
import { heads } from "../oracle/likelihoods/heads.ts"
import { mixture } from "../oracle/likelihoods/mixtures.ts"
import * as Scalars from "../oracle/likelihoods/scalars.ts"
import type { Label } from "../oracle/likelihoods.ts"
import * as Oracle from "../oracle/likelihoods.ts"
import type { Matrix, Vector } from "../oracle/linear.ts"
import { generator } from "../oracle/random.ts"
import { type Cells, jointCells, labelCells, normalQuartiles, quartileCells } from "./cells.ts"
import { extremePoints, type Family, families, ordinaryPoints } from "./families.ts"
import { eps64 } from "./measure.ts"

/** What the laws of a likelihood that is sampled only need too. */
export interface SampledFamily {
  readonly name: string
  readonly ours: Likelihood.SampledLikelihood
  readonly oracle: Pick<Oracle.OracleLikelihood, "support" | "logProbability" | "score">
  readonly outputs: number
  readonly discrete: boolean
  readonly points: ReadonlyArray<Vector>
  readonly extremes: ReadonlyArray<Vector>
  readonly drawn: Vector
  readonly draws: number
  readonly averageUnit: (z: Vector) => number
  readonly cells: (z: Vector) => Cells
  readonly logSize: (z: Vector, y: Label) => number
  readonly scoreSize: (z: Vector, y: Label) => number
  /** How many times an example counts; once unless said. */
  readonly weight?: number
}

export interface LawFamily extends Family {
  readonly weight?: number
  /** Of the factor. */
  readonly columns: number
  readonly points: ReadonlyArray<Vector>
  /** Legal, and at the ends of what float64 holds. */
  readonly extremes: ReadonlyArray<Vector>
  /** Where it is drawn from. */
  readonly drawn: Vector
  readonly draws: number
  /** What the rounding of log p, of the size of its terms, moves an average over y by; see `unit`. */
  readonly averageUnit: (z: Vector) => number
  /** Whether log p is quadratic in z: then central differences are exact. */
  readonly quadratic: boolean
  /** Whether -log p is convex in z for every y: then its Hessian is a square too. */
  readonly convex: boolean
  readonly cells: (z: Vector) => Cells
  /** The magnitudes that log p, the score and KL are sums of. */
  readonly logSize: (z: Vector, y: Label) => number
  readonly scoreSize: (z: Vector, y: Label) => number
  readonly klSize: (z: Vector, other: Vector) => number
}

/** 2^-53 relative to z moves exp(z) by this much: no formula does better, and one that cancels does worse. */
export const unit = (z: Vector): number => z.length * eps64 * (1 + Math.max(...Array.from(z, Math.abs)))

const norm = (v: Vector): number => Math.hypot(...Array.from(v))
const trace = (matrix: Matrix): number => Array.from(matrix, (row, i) => row[i]!).reduce((a, b) => a + b, 0)
const sumOver = (z: Vector, f: (v: number, c: number) => number): number =>
  Array.from(z, f).reduce((a, b) => a + b, 0)

/** p is the exponential of log p: its rounding is that of the magnitudes of log p. */
const averageUnit =
  (oracle: Oracle.OracleLikelihood, logSize: LawFamily["logSize"]): LawFamily["averageUnit"] =>
  (z) =>
    unit(z) + eps64 * oracle.expectation(z, (y) => logSize(z, y))

/** What a support of all y gives: enumeration of the magnitudes. */
const enumerated = (oracle: Oracle.OracleLikelihood) => ({
  logSize: (z: Vector, y: Label) => Math.abs(oracle.logProbability(z, y)),
  klSize: (z: Vector, other: Vector) =>
    oracle.expectation(
      z,
      (y) => Math.abs(oracle.logProbability(z, y)) + Math.abs(oracle.logProbability(other, y))
    )
})

/** log p as its quadratic and its constant, which is log p at the mean. */
const gaussianSizes = (oracle: Oracle.OracleLikelihood) => ({
  logSize: (z: Vector, y: Label) =>
    Math.abs(oracle.logProbability(z, y) - oracle.logProbability(z, z)) +
    Math.abs(oracle.logProbability(z, z)),
  klSize: oracle.kl
})

const first = (family: Family): LawFamily => {
  const { discrete, oracle, outputs } = family
  const points = ordinaryPoints(outputs)
  const deviation = discrete ? 0 : Math.sqrt(1 / oracle.closedFormFisher(points[0]!)[0]![0]!)
  return {
    ...family,
    columns: oracle.name === "categorical" ? outputs - 1 : outputs,
    points,
    extremes: extremePoints(outputs),
    drawn: points[8]!,
    draws: 2 ** 16,
    averageUnit: unit,
    quadratic: !discrete,
    convex: true,
    cells: discrete
      ? labelCells(oracle)
      : (z) => quartileCells(outputs, (c) => normalQuartiles.map((q) => z[c]! + deviation * q)),
    ...(discrete ? enumerated(oracle) : gaussianSizes(oracle)),
    scoreSize: (z, y) => norm(oracle.score(z, y))
  }
}

/** Normal points of four sizes, held within what can be enumerated. */
const few = (outputs: number, most = Number.POSITIVE_INFINITY, each = 2): ReadonlyArray<Vector> => {
  const random = generator(outputs)
  return [0.3, 1, 2, 5].flatMap((size) =>
    Array.from({ length: each }, () => random.normals(outputs).map((v) => Math.min(most, size * v)))
  )
}

const isContinuous = (one: Scalars.Scalar): one is Scalars.Continuous => "quartiles" in one

/** The same with each support made once: they are of thousands of y. */
const remembered = (oracle: Oracle.OracleLikelihood): Oracle.OracleLikelihood => {
  const supports = new Map<string, ReadonlyArray<Oracle.Outcome>>()
  return {
    ...oracle,
    support: (z) => {
      const key = Array.from(z).join()
      const known = supports.get(key) ?? oracle.support(z)
      supports.set(key, known)
      return known
    }
  }
}

/** C independent numbers. */
const lifted = (
  ours: Likelihood.Likelihood,
  one: Scalars.Scalar,
  outputs: number,
  points: ReadonlyArray<Vector>,
  extremes: ReadonlyArray<ReadonlyArray<number>>
): LawFamily => {
  const oracle = remembered(Scalars.lift(one))
  const logSize = (z: Vector, y: Label): number => sumOver(z, (v, c) => one.logSize(v, y[c]!))
  return {
    name: `${ours.name}, C = ${outputs}`,
    ours,
    oracle,
    outputs,
    discrete: !isContinuous(one),
    columns: outputs,
    points,
    extremes: extremes.map((z) => Float64Array.from(z)),
    drawn: points[points.length / 4]!,
    draws: 2 ** 14,
    quadratic: false,
    convex: !(one.name.startsWith("studentT") || one.name.startsWith("vonMises")),
    cells: isContinuous(one)
      ? (z) =>
          quartileCells(
            outputs,
            (c) => one.quartiles(z[c]!),
            (y) => Array.from(y, (v, c) => one.nearest(z[c]!, v))
          )
      : labelCells(oracle),
    logSize,
    averageUnit: averageUnit(oracle, logSize),
    // A score near 0 is the difference of two numbers of the size of its deviation.
    scoreSize: (z, y) => norm(oracle.score(z, y)) + Math.sqrt(trace(oracle.closedFormFisher(z))),
    klSize: (z, other) => sumOver(z, (v, c) => one.klSize(v, other[c]!))
  }
}

const gaussianFamily = (name: string, ours: Likelihood.Likelihood, root: Matrix): LawFamily => {
  const oracle = Gaussians.correlated(root)
  const outputs = root.length
  const points = ordinaryPoints(outputs)
  return {
    ...first({ name, ours, oracle, outputs, discrete: false }),
    points,
    cells: (z) =>
      quartileCells(
        outputs,
        () => normalQuartiles,
        (y) => oracle.whiten(z, y)
      ),
    draws: 2 ** 14,
    scoreSize: (z, y) => norm(oracle.score(z, y)) + Math.sqrt(trace(oracle.closedFormFisher(z))),
    // Correlations cost digits: the condition number of Sigma is 62.
    logSize: (z, y) => 62 * gaussianSizes(oracle).logSize(z, y),
    klSize: (z, other) => 62 * oracle.kl(z, other)
  }
}

/** Sigma = root root^T, of variances 0.25, 2.3 and 0.7 and correlations from -0.3 to 0.82. */
const root: ReadonlyArray<ReadonlyArray<number>> = [
  [0.5, 0, 0],
  [1.25, 0.875, 0],
  [-0.25, 0.5, 0.625]
]
const covariance = root.map((a) => root.map((b) => a.reduce((sum, v, k) => sum + v * b[k]!, 0)))

const heteroscedastic: LawFamily = {
  name: "heteroscedasticGaussian, C = 4",
  ours: Likelihood.heteroscedasticGaussian,
  oracle: Gaussians.heteroscedastic,
  outputs: 4,
  discrete: false,
  columns: 4,
  points: few(4),
  extremes: [
    [0, 0, 40, -40],
    [0, 0, -40, -40],
    [1e4, -1e4, 40, 200],
    [0, 0, 300, -300],
    [-1e4, 1e4, 0, 0]
  ].map((z) => Float64Array.from(z)),
  averageUnit: unit,
  drawn: Float64Array.of(0.7, -1.2, 0.4, -0.3),
  draws: 2 ** 14,
  quadratic: false,
  convex: false,
  cells: (z) => quartileCells(2, (c) => normalQuartiles.map((q) => z[c]! + Math.exp(z[2 + c]! / 2) * q)),
  // The deviations of y are exact to an ulp of y alone.
  logSize: (z, y) => Math.abs(Gaussians.heteroscedastic.logProbability(z, y)) + 10 + sumOver(z, Math.abs),
  scoreSize: (z, y) =>
    norm(Gaussians.heteroscedastic.score(z, y)) +
    Math.sqrt(trace(Gaussians.heteroscedastic.closedFormFisher(z))),
  klSize: (z, other) =>
    Gaussians.heteroscedastic.kl(z, other) + sumOver(z, Math.abs) + sumOver(other, Math.abs) + 1
}

/** Heads of 3 classes, 2 normal numbers and a count: discrete, continuous and infinite. */
const product: LawFamily = (() => {
  const parts = [
    { ours: Likelihood.categorical, oracle: Oracle.categorical, outputs: 3 },
    { ours: Likelihood.gaussian({ variance: 0.49 }), oracle: Oracle.gaussian(0.49), outputs: 2 },
    { ours: Likelihood.poisson, oracle: Scalars.lift(Scalars.poisson), outputs: 1 }
  ]
  const oracle = heads(parts)
  const slice = (z: Vector, from: number, to: number): Vector => Array.from(z).slice(from, to)
  const normal = gaussianSizes(Oracle.gaussian(0.49))
  return {
    name: "product of categorical, gaussian and poisson, C = 6",
    ours: Likelihood.product(parts.map(({ ours, outputs }) => ({ likelihood: ours, outputs }))),
    oracle,
    outputs: 6,
    discrete: false,
    columns: 5,
    points: few(6, 2, 1),
    extremes: [
      [1e4, -1e4, 0, 1e4, -1e4, -40],
      [300, 0, 0, -40, 40, -300],
      [40, 0, 0, 0, 0, 1]
    ].map((z) => Float64Array.from(z)),
    averageUnit: (z) => 5 * unit(z),
    drawn: Float64Array.of(0.4, -0.3, 0.1, 1.5, -0.7, 0.6),
    draws: 2 ** 14,
    quadratic: false,
    convex: true,
    cells: (z) =>
      jointCells([
        { cells: labelCells(Oracle.categorical)(slice(z, 0, 3)), labels: 1 },
        {
          cells: quartileCells(2, (c) => normalQuartiles.map((q) => z[3 + c]! + 0.7 * q)),
          labels: 2
        },
        { cells: labelCells(Scalars.lift(Scalars.poisson))(slice(z, 5, 6)), labels: 1 }
      ]),
    logSize: (z, y) =>
      Math.abs(Oracle.categorical.logProbability(slice(z, 0, 3), [y[0]!])) +
      normal.logSize(slice(z, 3, 5), [y[1]!, y[2]!]) +
      Scalars.poisson.logSize(z[5]!, y[3]!),
    scoreSize: (z, y) => norm(oracle.score(z, y)) + Math.sqrt(trace(oracle.closedFormFisher(z))),
    klSize: (z, other) =>
      enumerated(Oracle.categorical).klSize(slice(z, 0, 3), slice(other, 0, 3)) +
      normal.klSize(slice(z, 3, 5), slice(other, 3, 5)) +
      Scalars.poisson.klSize(z[5]!, other[5]!)
  }
})()

const counts = [
  [-40, 1],
  [-1e4, 0.5],
  [-300, -20],
  [0, 0]
]
const locations = [
  [1e4, -1e4],
  [40, -40],
  [0, 0],
  [1e4, 0]
]

/** Those whose probabilities are 0 or no denormal numbers: products and multiples of denormals lose their digits. */
const normalExtremes = (outputs: number) =>
  extremePoints(outputs).filter((z) => !Array.from(z).some((v) => Math.abs(v) === 745))

/** Categorical positions, of which an observation may leave some out: those say nothing. */
const positions = (observed: ReadonlyArray<number>): LawFamily => {
  const own = Likelihood.positions(Likelihood.categorical, { outputs: 3, ignored: -1 })
  const oracle = heads(
    observed.map((label) => ({ oracle: label === -1 ? nothing(-1) : Oracle.categorical, outputs: 3 }))
  )
  const outputs = 3 * observed.length
  return {
    name: `${own.name}, observed ${observed.join(", ")}`,
    ours: { ...own, observes: false, at: (z) => own.at(z, observed) },
    oracle,
    outputs,
    discrete: true,
    columns: 2 * observed.length,
    points: few(outputs),
    extremes: normalExtremes(outputs),
    drawn: few(outputs)[2]!,
    draws: 2 ** 14,
    averageUnit: unit,
    quadratic: false,
    convex: true,
    cells: labelCells(oracle),
    ...enumerated(oracle),
    scoreSize: (z, y) => norm(oracle.score(z, y)) + Math.sqrt(trace(oracle.closedFormFisher(z)))
  }
}

/** Gamma of shape 5/2 as one's own, z the logarithms of the means: log p and its score of plain numbers, and closed forms. */
const ownGamma = Likelihood.fromLogDensity({
  name: "own gamma",
  labelSize: (outputs) => outputs,
  holds: (y) => Array.from(y).every((v) => v > 0 && Number.isFinite(v)),
  logDensity: (y, z) =>
    sumOver(
      z,
      (v, c) =>
        2.5 * Math.log(2.5) -
        Math.log(0.75 * Math.sqrt(Math.PI)) +
        1.5 * Math.log(y[c]!) -
        2.5 * v -
        2.5 * y[c]! * Math.exp(-v)
    ),
  score: (y, z) => Array.from(z, (v, c) => 2.5 * (y[c]! * Math.exp(-v) - 1)),
  sample: (z, uniform) => Array.from(z, (v) => (Math.exp(v) / 2.5) * Distributions.gamma(uniform(), 2.5)),
  closedForms: {
    columns: (outputs) => outputs,
    factor: (z) =>
      Array.from({ length: z.length ** 2 }, (_, i) => (i % (z.length + 1) === 0 ? Math.sqrt(2.5) : 0)),
    klDivergence: (z, other) =>
      sumOver(z, (v, c) => {
        const d = v - other[c]!
        // e^d - 1 - d, by its series near 0.
        const gap =
          Math.abs(d) < 0.1
            ? 0.5 * d * d * [12, 11, 10, 9, 8, 7, 6, 5, 4, 3].reduce((rest, k) => 1 + (d / k) * rest, 1)
            : Math.expm1(d) - d
        return 2.5 * gap
      })
  }
})

export const lawFamilies: ReadonlyArray<LawFamily> = [
  ...families.map(first),
  lifted(Likelihood.poisson, Scalars.poisson, 2, few(2, 2.5), counts),
  lifted(Likelihood.poisson, Scalars.poisson, 1, few(1, 6), [[6.5], [-1e4]]),
  heteroscedastic,
  gaussianFamily("gaussian of 3 variances, C = 3", Likelihood.gaussian({ variances: [0.25, 4, 0.0625] }), [
    [0.5, 0, 0],
    [0, 2, 0],
    [0, 0, 0.25]
  ]),
  gaussianFamily("gaussian of a covariance, C = 3", Likelihood.gaussian({ covariance }), root),
  lifted(
    Likelihood.studentT({ degrees: 5, scale: 0.7 }),
    Scalars.studentT(5, 0.7),
    2,
    few(2, 9, 1),
    locations
  ),
  lifted(Likelihood.studentT({ degrees: 2.5, scale: 3 }), Scalars.studentT(2.5, 3), 1, few(1), [[0], [40]]),
  lifted(
    Likelihood.negativeBinomial({ dispersion: 2.5 }),
    Scalars.negativeBinomial(2.5),
    2,
    few(2, 1),
    counts.map(([a, b]) => [a!, Math.min(b!, 0.5)])
  ),
  lifted(Likelihood.gamma({ shape: 2.5 }), Scalars.gamma(2.5), 2, few(2, 9, 1), [
    [40, -40],
    [300, -300],
    [0, 0]
  ]),
  product,
  lifted(Likelihood.ordinal({ thresholds: [-1.5, 0.25, 1] }), Scalars.ordinal([-1.5, 0.25, 1]), 2, few(2), [
    ...locations,
    [300, -300]
  ]),
  lifted(Likelihood.vonMises({ concentration: 4 }), Scalars.vonMises(4), 2, few(2, 9, 1), [
    [3, -3],
    [0, 0],
    [40, -40]
  ]),
  positions([2, 0]),
  positions([1, -1, 0]),
  lifted(ownGamma, Scalars.gamma(2.5), 2, few(2, 9, 1), [
    [40, -40],
    [0, 0]
  ])
]

/** Likelihoods whose scores are not those of p itself: an example of class 1, which counts 2.5 times. */
export const weightedFamilies: ReadonlyArray<LawFamily> = (() => {
  const own = Likelihood.categoricalWith({ classWeights: [0.5, 2.5, 1, 0] })
  const oracle = times(2.5, Oracle.categorical)
  const plain = first({ name: "", ours: Likelihood.categorical, oracle, outputs: 4, discrete: true })
  return [
    {
      ...plain,
      name: `${own.name}, class 1 observed`,
      columns: 3,
      extremes: normalExtremes(4),
      weight: 2.5,
      ours: { ...own, observes: false, at: (z: ArrayLike<number>) => own.at(z, [1]) },
      cells: labelCells(Oracle.categorical)
    }
  ]
})()

/** K components in D dimensions at points whose log-variances are held to what a grid resolves. */
const mixtureFamily = (K: number, D: number, fineness: number, count: number): SampledFamily => {
  const oracle = mixture(K, D, fineness)
  const outputs = K * (D + 2)
  const random = generator(outputs)
  const points = Array.from({ length: count }, (_, i) =>
    random
      .normals(outputs)
      .map((v, c) => (c < K + K * D ? (1 + (i % 2)) * v : Math.max(-1, Math.min(0.5, v / 2))))
  )
  const size = (z: Vector, y: Label): number =>
    10 +
    sumOver(z, Math.abs) +
    Math.max(
      ...oracle
        .components(z)
        .map(({ deviation, mean }) => mean.reduce((sum, m, d) => sum + ((y[d]! - m) / deviation) ** 2, 0))
    )
  return {
    name: `mixtureDensity, K = ${K}, D = ${D}`,
    ours: Likelihood.mixtureDensity({ components: K, dimensions: D }),
    oracle,
    outputs,
    discrete: false,
    points,
    extremes: [
      [...Array(K).fill(0), ...Array(K * D).fill(0), ...Array(K).fill(0)],
      Array.from({ length: outputs }, (_, c) => (c < K ? 40 * (-1) ** c : c < K + K * D ? 100 * c : -3)),
      Array.from({ length: outputs }, (_, c) => (c === 0 ? 300 : c < K + K * D ? 0 : 20))
    ].map((z) => Float64Array.from(z)),
    drawn: points[0]!,
    draws: 2 ** 14,
    averageUnit: (z) => 100 * unit(z),
    cells: mixtureCells(oracle, D),
    logSize: size,
    // The responsibilities are exponentials of log p: their rounding is that of its terms.
    scoreSize: (z, y) => (1 + norm(oracle.score(z, y))) * size(z, y)
  }
}

/** Cells of a grid over the support, their probabilities by its quadrature: those of 1e-3 or more, and one for the rest. */
const mixtureCells =
  (oracle: ReturnType<typeof mixture>, D: number) =>
  (z: Vector): Cells => {
    // Edges midway between nodes of a grid that the rule has a node in the middle of would bias the cells: they are of a fine rule.
    const place = (y: Label): string => Array.from({ length: D }, (_, d) => Math.floor(2 * y[d]!)).join()
    const fine = 16
    const sums = new Map<string, number>()
    const low = -12
    const walk = (y: ReadonlyArray<number>): void => {
      if (y.length === D) {
        const cell = place(y)
        sums.set(cell, (sums.get(cell) ?? 0) + oracle.density(z, y) / (2 * fine) ** D)
        return
      }
      for (let i = 0; i < 24 * 2 * fine; i++) walk([...y, low + (i + 0.5) / (2 * fine)])
    }
    walk([])
    const common = [...sums].filter(([, p]) => p >= 2e-3)
    const index = new Map(common.map(([cell], i) => [cell, i]))
    const due = common.map(([, p]) => p)
    return {
      due: [...due, 1 - due.reduce((a, b) => a + b, 0)],
      of: (y) => index.get(place(y)) ?? due.length
    }
  }

export const sampledFamilies: ReadonlyArray<SampledFamily> = [
  mixtureFamily(3, 1, 10, 8),
  mixtureFamily(2, 2, 3, 4)
]
