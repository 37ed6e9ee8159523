/**
 * The float64 oracle against NNGeometry's numbers, and the laws of the Fisher information inside the
 * oracle.
 */
import { assert, describe, it } from "@effect/vitest"
import { likelihoods, makeCase, mlp, pairs, sameSide } from "./oracle/cases.ts"
import { differencedFisher, invarianceDefects, sineChart } from "./oracle/chart.ts"
import { enumeratedFisher } from "./oracle/enumeration.ts"
import { denseFisher, empiricalFisher, gradient } from "./oracle/fisher.ts"
import { compare, compareSoftmax } from "./oracle/fixture-checks.ts"
import { stepStructures } from "./oracle/fixture-steps.ts"
import { fixture, fixtureNames } from "./oracle/fixtures.ts"
import * as Laws from "./oracle/laws.ts"
import * as Linear from "./oracle/linear.ts"
import { outputs, vjp } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"

const { congruence, identity, relativeError, scale, slope } = Linear
const within = (value: number, center: number, width: number) =>
  assert.isAtMost(Math.abs(value - center), width)
const seeds = [0, 1, 2]

describe.each(fixtureNames)("%s of NNGeometry, relative error <= 1e-10", (name) => {
  const checks = name === "mlp_softmax" ? [...compare, ...compareSoftmax] : compare
  it.each(checks)("%s are equal", (_, measure) => {
    for (const error of measure(fixture(name))) assert.isAtMost(error, 1e-10)
  })
  it.each(stepStructures)(
    "the natural-gradient step of %s has their direction, end point and loss",
    (_, measure) => {
      for (const error of measure(fixture(name))) assert.isAtMost(error, 1e-10)
    }
  )
  it("control: a Fisher 1 + 1e-9 times too large, or in the file's own layout, is further than 1e-10", () => {
    const { X, dense, likelihood, net, permutation, theta } = fixture(name)
    const F = denseFisher(net, likelihood, theta, X)
    assert.isAbove(relativeError(scale(1 + 1e-9, F), dense.F), 1e-10)
    const moved = Linear.tabulate(F.length, F.length, (i, j) => F[permutation[i]!]![permutation[j]!]!)
    assert.isAbove(relativeError(moved, dense.F), 0.1)
  })
})

describe.each(pairs.map((pair) => ({ ...pair, title: `${pair.likelihood.name} x ${pair.activation}` })))(
  "laws [$title]",
  ({ activation, likelihood }) => {
    const cases = seeds.map((seed) => makeCase(likelihood, activation, seed))
    const fishers = cases.map(({ X, net, theta }) => denseFisher(net, likelihood, theta, X))
    const modelLabels = (c: (typeof cases)[number]) => (n: number) =>
      likelihood.support(outputs(c.net, c.theta, c.X[n]!))

    it("L2: E_y[d log p] = 0, ratio <= 10; control: labels of logits or means 1e-6 away, ratio > 1e6", () => {
      const moved = (z: Linear.Vector) =>
        likelihood.support(Float64Array.from(z, (v, c) => v + (c === 0 ? 1e-6 : 0)))
      for (const c of cases) {
        assert.isAtMost(Laws.scoreMeanRatio(c), 10)
        assert.isAbove(Laws.scoreMeanRatio(c, moved), 1e6)
      }
    })

    it("L3: the midpoint-symmetric KL has slope 4.00 +- 0.03; control: F * 1.001 has slope < 2.5", () => {
      const lengths = [0.05, 0.025, 0.0125, 0.00625]
      cases.forEach((c, k) => {
        const u = generator(1000 + k).direction(c.theta.length)
        // Only these points are evaluated: with one sign pattern at all of them, a relu network is one
        // polynomial there.
        const points = [c.theta, ...lengths.flatMap((d) => Laws.segment(c.theta, u, d))]
        if (activation === "relu") assert.isTrue(sameSide(c, points))
        const q = Linear.dot(u, Linear.matvec(fishers[k]!, u))
        within(slope(lengths, Laws.symmetricKlRemainders(c, u, q, lengths)), 4, 0.03)
        assert.isBelow(slope(lengths, Laws.symmetricKlRemainders(c, u, 1.001 * q, lengths)), 2.5)
      })
    })

    it("L4: E[u u^T] over labels = J^T Lambda J, ratio <= 50; control: y of the data, error > 0.1", () => {
      cases.forEach((c, k) => {
        const { X, Y, net, theta } = c
        assert.isAtMost(
          Laws.ratio(enumeratedFisher(net, likelihood, theta, X), fishers[k]!, theta.length),
          50
        )
        const observed = empiricalFisher(net, likelihood, theta, X, Y)
        assert.isAbove(relativeError(observed, fishers[k]!), 0.1)
      })
    })

    it("L4: E[-Hessian log p] by differences = F, error <= 1e-8; control: y of the data, error > 0.1", () => {
      const [c, F] = [cases[0]!, fishers[0]!]
      assert.isAtMost(relativeError(Laws.differencedHessian(c, modelLabels(c)), F), 1e-8)
      const observed = Laws.differencedHessian(c, (n) => [{ y: c.Y[n]!, probability: 1 }])
      assert.isAbove(relativeError(observed, F), 0.1)
    })

    it("L5: F_phi by differences = J^T F J, error <= 1e-8; control: J F J^T and F, error > 1e-3", () => {
      const [c, F] = [cases[0]!, fishers[0]!]
      const chart = sineChart(c.theta.length, 1)
      const phi = chart.inverse(c.theta)
      const J = chart.jacobian(phi)
      const inPhi = differencedFisher(c, chart, phi)
      assert.isAtMost(relativeError(inPhi, congruence(J, F)), 1e-8)
      assert.isAbove(relativeError(inPhi, congruence(Linear.transpose(J), F)), 1e-3)
      assert.isAbove(relativeError(inPhi, F), 1e-3)
    })

    it("L5: the step is invariant, slope 2.0 +- 0.1; control: plain damping, 1.0 +- 0.1", () => {
      const lengths = [0.05, 0.025, 0.0125, 0.00625]
      cases.forEach((c, k) => {
        const chart = sineChart(c.theta.length, k)
        const plain = scale(0.1, identity(c.theta.length))
        const asMetric = congruence(chart.jacobian(chart.inverse(c.theta)), plain)
        const g = gradient(c.net, likelihood, c.theta, c.X, c.Y)
        const defects = (inPhi: Linear.Matrix) =>
          invarianceDefects(chart, c.theta, g, fishers[k]!, plain, inPhi, lengths)
        within(slope(lengths, defects(asMetric)), 2, 0.1)
        within(slope(lengths, defects(plain)), 1, 0.1)
      })
    })

    it("L7: <J v, w> = <v, J^T w>, ratio <= 10; control: J v off by 1e-9, ratio > 100", () => {
      cases.forEach((c, k) => {
        const random = generator(2000 + k)
        const [v, w] = [random.normals(c.theta.length), random.normals(3)]
        assert.isAtMost(Laws.adjointRatio(c, v, w), 10)
        // Along J^T w the inner product is |J^T w|^2, so the control cannot vanish by chance.
        assert.isAbove(Laws.adjointRatio(c, vjp(c.net, c.theta, c.X[0]!, w), w, 1 + 1e-9), 100)
      })
    })

    it("L7: J v against central differences has slope 2.0 +- 0.1; control: 1.001 J v, slope < 1", () => {
      const steps = [0.04, 0.02, 0.01, 0.005]
      cases.forEach((c, k) => {
        const v = generator(3000 + k).direction(c.theta.length)
        const points = [c.theta, ...steps.flatMap((h) => Laws.segment(c.theta, v, 2 * h))]
        if (activation === "relu") assert.isTrue(sameSide(c, points))
        within(slope(steps, Laws.differenceErrors(c, v, steps)), 2, 0.1)
        assert.isBelow(slope(steps, Laws.differenceErrors(c, v, steps, 1.001)), 1)
      })
    })
  }
)

describe("where the remainder of L3 is exactly zero", () => {
  const gaussian = likelihoods.find(({ name }) => name.startsWith("gaussian"))!
  const lengths = [0.4, 0.2, 0.1, 0.05]
  it.each([
    ["one dense layer", mlp(3, [3], "identity"), "identity"],
    ["two dense layers", mlp(3, [4, 3], "identity"), "identity"],
    ["two dense layers with relu", mlp(3, [4, 3], "relu"), "relu"]
  ] as const)(
    "gaussian, %s: the remainder is below 1e-14 of d^T F d; control: F * 1.001",
    (_, net, activation) => {
      // z is at most quadratic in theta on one side of the kinks, so z(t + d/2) - z(t - d/2) = J d and KL
      // is d^T F d / 2.
      for (const seed of seeds) {
        const c = makeCase(gaussian, activation, seed, net)
        const u = generator(4000 + seed).direction(c.theta.length)
        const used = lengths.filter((d) => sameSide(c, [c.theta, ...Laws.segment(c.theta, u, d)]))
        assert.isAtLeast(used.length, 2)
        const q = Linear.dot(u, Linear.matvec(denseFisher(net, gaussian, c.theta, c.X), u))
        const worst = (factor: number) =>
          Math.max(
            ...Laws.symmetricKlRemainders(c, u, factor * q, used).map(
              (r, k) => Math.abs(r) / (q * used[k]! ** 2)
            )
          )
        assert.isAtMost(worst(1), 1e-14)
        assert.isAbove(worst(1.001), 1e-4)
      }
    }
  )
})

// The categorical is left out: adding one number to all the logits changes nothing, so its Fisher is
// singular.
describe.each(likelihoods.filter(({ name }) => name !== "categorical"))(
  "one dense layer [$name]",
  (likelihood) => {
    it("L5: the undamped step is invariant, slope 2.0 +- 0.1; control: plain damping, 1.0 +- 0.1", () => {
      const lengths = [0.05, 0.025, 0.0125, 0.00625]
      for (const seed of seeds) {
        const { X, Y, net, theta } = makeCase(likelihood, "identity", seed, mlp(3, [3], "identity"), 12)
        const F = denseFisher(net, likelihood, theta, X)
        const g = gradient(net, likelihood, theta, X, Y)
        const none = Linear.zeros(theta.length, theta.length)
        const defects = (inPhi: Linear.Matrix) =>
          invarianceDefects(sineChart(theta.length, seed), theta, g, F, none, inPhi, lengths)
        within(slope(lengths, defects(none)), 2, 0.1)
        within(slope(lengths, defects(scale(0.1, identity(theta.length)))), 1, 0.1)
      }
    })
  }
)
