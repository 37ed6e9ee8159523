/** Activations, quadrature and linear algebra of the oracle against known values and identities. */
import { assert, describe, it } from "@effect/vitest"
import { activationNames, activations, erf, erfc, furtherNames } from "./activations.ts"
import { ratio } from "./laws.ts"
import * as Linear from "./linear.ts"
import { gaussHermite } from "./quadrature.ts"
import { generator } from "./random.ts"

const { congruence, identity, matmul, relativeError, slope, tabulate, transpose } = Linear

describe("activations", () => {
  it.each([...activationNames, ...furtherNames])(
    "%s: f' is the limit of central differences, slope 2.0 +- 0.1 or exact",
    (name) => {
      const { df, f } = activations[name]
      const steps = [0.04, 0.02, 0.01, 0.005]
      for (const x of [-2.3, -0.4, 0.7, 1.9]) {
        const errors = steps.map((h) => (f(x + h) - f(x - h)) / (2 * h) - df(x))
        const straight =
          ["relu", "relu6", "identity"].includes(name) || (x > 0 && ["elu", "selu"].includes(name))
        if (straight) assert.isAtMost(Math.max(...errors.map(Math.abs)), 1e-13)
        else assert.isAtMost(Math.abs(slope(steps, errors) - 2), 0.1)
      }
    }
  )

  it("erf and erfc are right to 3e-15 (Abramowitz and Stegun, table 7.1, and mpmath)", () => {
    assert.isAtMost(
      relativeError(
        [0.5, 1, 2, 3].map(erf),
        [0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 0.9999779095030014]
      ),
      3e-15
    )
    for (const [x, value] of [
      [-1, 1.8427007929497148],
      [1, 0.15729920705028513],
      [5, 1.5374597944280349e-12]
    ]) {
      assert.isAtMost(relativeError(erfc(x!), value!), 3e-15)
    }
  })
})

describe("quadrature and linear algebra", () => {
  it("n nodes integrate x^k exactly for k < 2n, error <= 1e-13; control: not for k = 2n", () => {
    const moment = (k: number): number => (k % 2 === 1 ? 0 : k === 0 ? 1 : (k - 1) * moment(k - 2))
    for (const n of [1, 2, 3, 5, 10]) {
      const integral = (k: number) =>
        gaussHermite(n).reduce((sum, { value, weight }) => sum + weight * value ** k, 0)
      for (let k = 0; k < 2 * n; k++) {
        assert.isAtMost(Math.abs(integral(k) - moment(k)) / moment(k + (k % 2)), 1e-13)
      }
      assert.isAbove(Math.abs(integral(2 * n) / moment(2 * n) - 1), 1e-7)
    }
  })

  it("solve, kron and eigen satisfy their defining identities, ratio <= 50", () => {
    const random = generator(5)
    const right = [0.3, -1.1, 0.8, 2]
    const square = (n: number) => random.normalMatrix(n, n)
    const [a, b, c, d] = [square(4), square(3), square(4), square(3)]
    assert.isAtMost(ratio(Linear.matvec(a, Linear.solve(a, right)), right, 4), 50)
    assert.isAtMost(
      ratio(matmul(Linear.kron(a, b), Linear.kron(c, d)), Linear.kron(matmul(a, c), matmul(b, d)), 12),
      50
    )
    // Rank 4 in 12 dimensions: a null space as the Fisher matrix of few examples has.
    const rows = random.normalMatrix(4, 12)
    const f = matmul(transpose(rows), rows)
    const { values, vectors } = Linear.eigen(f)
    const d12 = tabulate(12, 12, (i, j) => (i === j ? values[i]! : 0))
    assert.isAtMost(ratio(congruence(transpose(vectors), d12), f, 12), 50)
    assert.isAtMost(ratio(matmul(transpose(vectors), vectors), identity(12), 12), 50)
  })

  it("relativeError is Infinity at NaN, at infinity and against zero, and 0 only for equal entries", () => {
    for (const bad of [NaN, Infinity]) assert.strictEqual(relativeError([bad, 1], [1, 1]), Infinity)
    assert.strictEqual(relativeError([1, 1], [Infinity, 1]), Infinity)
    assert.strictEqual(relativeError([1], [0]), Infinity)
    assert.strictEqual(relativeError([[0, 2]], [0, 2]), 0)
  })
})
