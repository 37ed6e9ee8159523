/**
 * The reference numbers of NNGeometry for three small networks (see ../fixtures/nngeometry/README.md), in
 * this folder's parameter layout: every vector v of the file is read as v[p] and every matrix F as
 * F[p[i]][p[j]].
 */
import { readFileSync } from "node:fs"
import type {
  Fixture,
  FixtureName,
  NaturalStep,
  Ordered,
  Product,
  Raw,
  Sampled,
  SampledFixture,
  Solve
} from "./fixture-types.ts"
import { bernoulli, categorical, gaussian, type OracleLikelihood } from "./likelihoods.ts"
import { type Matrix, tabulate, transpose, type Vector } from "./linear.ts"

export type * from "./fixture-types.ts"

const heads: Readonly<Record<FixtureName, OracleLikelihood>> = {
  mlp_softmax: categorical,
  mlp_gaussian: gaussian(1),
  mlp_bernoulli1: bernoulli
}

const read = (name: FixtureName): Raw =>
  JSON.parse(readFileSync(new URL(`../fixtures/nngeometry/${name}.json`, import.meta.url), "utf8"))

const layout = (raw: Raw, vec: (v: Vector) => Vector, mat: (m: Matrix) => Matrix): Ordered => {
  const { empirical_fisher: empirical, natural_gradient_step: step } = raw
  const moved = ({ direction, loss_after, theta_new }: NaturalStep): NaturalStep => ({
    direction: vec(direction),
    theta_new: vec(theta_new),
    loss_after
  })
  const product = <A extends Product>(a: A) => ({ ...a, mv: vec(a.mv) })
  const solved = <A extends Product & Solve>(a: A) => ({ ...product(a), solve: vec(a.solve) })
  const turned = (layers: ReadonlyArray<{ readonly values: Matrix }>) =>
    layers.map((layer) => ({ ...layer, values: transpose(layer.values) }))
  const { kfac } = raw
  return {
    theta: vec(raw.theta),
    v: vec(raw.v),
    regul: raw.regul,
    dense: { ...solved(raw.dense), F: mat(raw.dense.F) },
    diag: { ...solved(raw.diag), diag: vec(raw.diag.diag) },
    blockdiag: solved(raw.blockdiag),
    kfac: {
      ...product(kfac),
      diag: vec(kfac.diag),
      solve_pi: vec(kfac.solve_pi),
      solve_nopi: vec(kfac.solve_nopi),
      inv_pi_mv: vec(kfac.inv_pi_mv)
    },
    ekfac: { ...solved(raw.ekfac), scales: turned(raw.ekfac.scales), diag: vec(raw.ekfac.diag) },
    quasidiag: { ...solved(raw.quasidiag), cross: turned(raw.quasidiag.cross) },
    lowrank: { ...product(raw.lowrank), solve_in_span: vec(raw.lowrank.solve_in_span) },
    implicit: { ...product(raw.implicit), cg_solve: vec(raw.implicit.cg_solve) },
    ...(empirical && { empirical_fisher: { ...empirical, diag: vec(empirical.diag), F: mat(empirical.F) } }),
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

/** Linear(4, 5), tanh, Linear(5, C), at 6 examples. */
export const fixture = (name: FixtureName): Fixture => {
  const raw = read(name)
  const p = raw.perm_torch_to_tfjs
  const vec = (v: Vector): Vector => Float64Array.from(p, (k) => v[k]!)
  const mat = (m: Matrix): Matrix => tabulate(p.length, p.length, (i, j) => m[p[i]!]![p[j]!]!)
  const sampled = ({ F, kfac, trace, y_samples }: Sampled): SampledFixture => ({
    F: mat(F),
    kfac,
    trace,
    draws: y_samples.map((labels) => labels.map((k) => [k]))
  })
  return {
    ...layout(raw, vec, mat),
    name,
    net: {
      features: 4,
      layers: [
        { kind: "dense", units: 5, bias: true },
        { kind: "activation", name: "tanh" },
        { kind: "dense", units: raw.num_outputs, bias: true }
      ]
    },
    likelihood: heads[name],
    X: raw.x,
    Y: raw.y.map((label) => (typeof label === "number" ? [label] : label)),
    outputs: raw.outputs,
    permutation: p,
    jacobian: raw.x.map((_, n) => raw.jacobian.values.map((rows) => vec(rows[n]!))),
    ntk: raw.ntk.values,
    ...(raw.mc1 && { mc1: sampled(raw.mc1) }),
    ...(raw.mc8 && { mc8: sampled(raw.mc8) })
  }
}

export const fixtureNames: ReadonlyArray<FixtureName> = ["mlp_softmax", "mlp_gaussian", "mlp_bernoulli1"]
