/**
 * The reference numbers of NNGeometry for some small networks (see ../fixtures/nngeometry/README.md), in
 * this folder's parameter layout: every vector v of the file is read as v[p] and every matrix F as
 * F[p[i]][p[j]]. Images are transposed to this folder's order, and the rows of a Kronecker factor A with the rows
 * of its layer.
 */
import { readFileSync } from "node:fs"
import { inputRows, inputShape, type Module, modules } from "../../scripts/conformance/architecture.ts"
import { activationNames } from "./activations.ts"
import { imageSize } from "./convolution.ts"
import type {
  ConvolutionFixture,
  Fixture,
  FixtureName,
  Layers,
  MeanFactors,
  NaturalStep,
  Ordered,
  PerceptronFixture,
  Product,
  Raw,
  RawPerceptron,
  Sampled,
  SampledFixture,
  Solve,
  StoredFactors
} from "./fixture-types.ts"
import { bernoulli, categorical, gaussian, type OracleLikelihood } from "./likelihoods.ts"
import { type Matrix, scale, tabulate, transpose, type Vector } from "./linear.ts"
import { blocks, type OracleLayer, type OracleNetwork } from "./network.ts"

export type * from "./fixture-types.ts"

const heads: Readonly<Record<Raw["head"], OracleLikelihood>> = {
  softmax: categorical,
  gaussian: gaussian(1),
  bernoulli
}

const read = (name: string): Raw =>
  JSON.parse(readFileSync(new URL(`../fixtures/nngeometry/${name}.json`, import.meta.url), "utf8"))

const layerOf = (module: Module): OracleLayer => {
  switch (module.type) {
    case "Linear":
      return { kind: "dense", units: module.outputs, bias: module.bias }
    case "Conv2d": {
      const { bias, dilation, filters, kernel, padding, stride } = module
      const [ph, pw] = padding
      return {
        kind: "conv2d",
        filters,
        kernel,
        stride,
        padding: [
          [ph, ph],
          [pw, pw]
        ],
        dilation,
        bias
      }
    }
    case "Activation": {
      const name = activationNames.find((known) => known === module.name)
      if (name === undefined) throw new RangeError(`no reference file has ${module.name}`)
      return { kind: "activation", name }
    }
    case "Pool":
      throw new RangeError("no reference file has a pooling")
    case "Flatten":
      return { kind: "flatten" }
  }
}

const networkOf = ({ architecture, x_shape }: Raw): OracleNetwork => {
  const input = inputShape(x_shape)
  const layers = modules(architecture).map(layerOf)
  return typeof input === "number"
    ? { features: input, layers }
    : { features: imageSize(input), image: input, layers }
}

/** How the numbers of one layer stand in a file. */
const layersOf = (net: OracleNetwork, p: ReadonlyArray<number>): Layers => {
  const of = blocks(net)
  /** The file's row of A for each of ours: the place of a weight of the first unit, and the bias last. */
  const orders = of.map(({ bias, inputs, offset, units }) => [
    ...Array.from({ length: inputs }, (_, i) => p[offset + i * units]! - offset),
    ...(bias ? [inputs] : [])
  ])
  const sorted = (a: Matrix, l: number): Matrix => orders[l]!.map((i) => orders[l]!.map((j) => a[i]![j]!))
  return {
    weights: (values, l) => {
      const { inputs, offset, units } = of[l]!
      const flat = (values as ReadonlyArray<unknown>).flat(3) as ReadonlyArray<number>
      return tabulate(inputs, units, (i, o) => flat[p[offset + i * units + o]! - offset]!)
    },
    // The file's A is the sum over positions and its G their mean.
    means: ({ A_mean, G_mean }, l) => ({
      A_mean: scale(1 / of[l]!.positions, sorted(A_mean, l)),
      G_mean: scale(of[l]!.positions, G_mean)
    }),
    sorted
  }
}

const layout = (
  raw: Raw,
  vec: (v: Vector) => Vector,
  mat: (m: Matrix) => Matrix,
  layers: Layers
): Ordered => {
  const { natural_gradient_step: step } = raw
  const moved = ({ direction, loss_after, theta_new }: NaturalStep): NaturalStep => ({
    direction: vec(direction),
    theta_new: vec(theta_new),
    loss_after
  })
  const product = <A extends Product>(a: A) => ({ ...a, mv: vec(a.mv) })
  const solved = <A extends Product & Solve>(a: A) => ({ ...product(a), solve: vec(a.solve) })
  const { kfac } = raw
  const factors = kfac.factors.map(
    (own, l): StoredFactors => ({ ...layers.means(own, l), A: layers.sorted(own.A, l), G: own.G })
  )
  return {
    theta: vec(raw.theta),
    v: vec(raw.v),
    regul: raw.regul,
    dense: { ...solved(raw.dense), F: mat(raw.dense.F) },
    diag: { ...solved(raw.diag), diag: vec(raw.diag.diag) },
    blockdiag: solved(raw.blockdiag),
    kfac: {
      ...product(kfac),
      factors,
      diag: vec(kfac.diag),
      solve_pi: vec(kfac.solve_pi),
      solve_nopi: vec(kfac.solve_nopi),
      inv_pi_mv: vec(kfac.inv_pi_mv)
    },
    ekfac: {
      ...solved(raw.ekfac),
      scales: raw.ekfac.scales.map(({ values }) => ({ values: transpose(values) })),
      diag: vec(raw.ekfac.diag)
    },
    quasidiag: {
      ...solved(raw.quasidiag),
      cross: raw.quasidiag.cross.map(({ values }, l) => ({ values: layers.weights(values, l) }))
    },
    lowrank: { ...product(raw.lowrank), solve_in_span: vec(raw.lowrank.solve_in_span) },
    implicit: { ...product(raw.implicit), cg_solve: vec(raw.implicit.cg_solve) },
    natural_gradient_step: {
      ...step,
      grad: vec(step.grad),
      dense: moved(step.dense),
      diag: moved(step.diag),
      blockdiag: moved(step.blockdiag),
      kfac_pi: moved(step.kfac_pi),
      ekfac: moved(step.ekfac)
    }
  }
}

/** What every file holds. */
const common = (raw: Raw) => {
  const p = raw.perm_torch_to_tfjs
  const vec = (v: Vector): Vector => Float64Array.from(p, (k) => v[k]!)
  const mat = (m: Matrix): Matrix => tabulate(p.length, p.length, (i, j) => m[p[i]!]![p[j]!]!)
  const net = networkOf(raw)
  const layers = layersOf(net, p)
  const fixture: Fixture = {
    ...layout(raw, vec, mat, layers),
    name: raw.name,
    architecture: raw.architecture,
    shape: raw.x_shape,
    net,
    likelihood: heads[raw.head],
    X: inputRows(raw.x, raw.x_shape),
    Y: raw.y.map((label) => (typeof label === "number" ? [label] : label)),
    outputs: raw.outputs,
    permutation: p
  }
  return { fixture, layers, mat, vec }
}

/** Linear(4, 5), tanh, Linear(5, C), at 6 examples. */
export const fixture = (name: FixtureName): PerceptronFixture => {
  const raw = read(name) as RawPerceptron
  const { fixture, layers, mat, vec } = common(raw)
  const { empirical_fisher: empirical } = raw
  const sampled = ({ F, kfac, trace, y_samples }: Sampled): SampledFixture => ({
    F: mat(F),
    kfac: kfac.map((own: MeanFactors, l) => layers.means(own, l)),
    trace,
    draws: y_samples.map((labels) => labels.map((k) => [k]))
  })
  return {
    ...fixture,
    jacobian: fixture.X.map((_, n) => raw.jacobian.values.map((rows) => vec(rows[n]!))),
    ntk: raw.ntk.values,
    ...(empirical && { empirical_fisher: { ...empirical, diag: vec(empirical.diag), F: mat(empirical.F) } }),
    ...(raw.mc1 && { mc1: sampled(raw.mc1) }),
    ...(raw.mc8 && { mc8: sampled(raw.mc8) })
  }
}

/** Conv2d(1, 2, 3 x 3) on 6 x 6 pixels, tanh, flatten, Linear(32, 3), at 4 examples. */
export const convolutionFixture = (): ConvolutionFixture => {
  const raw = read("convnet_softmax")
  const { fixture, vec } = common(raw)
  const { empirical_fisher: empirical } = raw
  return { ...fixture, empirical_fisher: { ...empirical!, diag: vec(empirical!.diag) } }
}

export const fixtureNames: ReadonlyArray<FixtureName> = ["mlp_softmax", "mlp_gaussian", "mlp_bernoulli1"]
