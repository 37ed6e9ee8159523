/** The graph oracle against the oracle of dense and convolution networks, and a dense layer's closed form. */
import { assert, describe, it } from "@effect/vitest"
import { likelihoods, makeCase } from "./cases.ts"
import * as OldFisher from "./fisher.ts"
import { sequence } from "./graph/build.ts"
import { derivative, jacobian, jvp, vjp } from "./graph/derivatives.ts"
import { denseFisher, kfacFactors } from "./graph/fisher.ts"
import { blocksOf, outputSize, outputs } from "./graph/graph.ts"
import { addOuter, matvec, relativeError, transpose, type Vector, zeros } from "./linear.ts"
import * as Old from "./network.ts"
import { generator } from "./random.ts"

const near = (a: Vector, b: Vector) => assert.isAtMost(relativeError(a, b), 1e-13)
const far = (a: Vector, b: Vector) => assert.isAbove(relativeError(a, b), 1e-2)

describe("against the oracle of dense and convolution networks", () => {
  const layers = [
    {
      kind: "conv2d" as const,
      filters: 3,
      kernel: [2, 3] as const,
      stride: [1, 2] as const,
      padding: [
        [1, 0],
        [2, 1]
      ] as const,
      dilation: [2, 1] as const,
      bias: true
    },
    { kind: "activation" as const, name: "tanh" as const },
    { kind: "flatten" as const },
    { kind: "dense" as const, units: 4, bias: false },
    { kind: "activation" as const, name: "gelu" as const },
    { kind: "dense" as const, units: 2, bias: true }
  ]
  const image = { height: 4, width: 5, channels: 2 }
  const old: Old.OracleNetwork = { features: 40, image, layers }
  const net = sequence(image, layers)
  const random = generator(11)
  const theta = random.normals(Old.size(old)).map((v) => v / 2)
  const [x, v, w] = [random.normals(40), random.normals(theta.length), random.normals(2)]

  it("the blocks, outputs (error <= 1e-13), J, J v and J^T w (<= 1e-9) agree", () => {
    assert.deepStrictEqual(
      blocksOf(net).map(({ offset, positions, rows }) => [offset, positions, rows]),
      Old.blocks(old).map(({ bias, inputs, offset, positions }) => [
        offset,
        positions,
        inputs + (bias ? 1 : 0)
      ])
    )
    near(outputs(net, theta, x), Old.outputs(old, theta, x))
    const J = Old.jacobian(old, theta, x)
    assert.isAtMost(relativeError(jacobian(net, theta, x), J), 1e-9)
    assert.isAtMost(relativeError(jvp(net, theta, x, v), matvec(J, v)), 1e-9)
    assert.isAtMost(relativeError(vjp(net, theta, x, w), matvec(transpose(J), w)), 1e-9)
    // Controls: the sides of the padding exchanged, and the parameters moved by 1e-6.
    const other = {
      ...layers[0]!,
      padding: [
        [0, 1],
        [1, 2]
      ]
    } as const
    far(outputs(sequence(image, [other, ...layers.slice(1)]), theta, x), Old.outputs(old, theta, x))
    const moved = theta.map((entry) => entry + 1e-6)
    assert.isAbove(relativeError(jacobian(net, moved, x), J), 1e-7)
  })

  it("the derivative of sin 50 t at 0 is 50, error <= 1e-11; extrapolated only once it is off by more than 1e-10", () => {
    assert.isAtMost(
      relativeError(
        derivative((t) => [Math.sin(50 * t)]),
        [50]
      ),
      1e-11
    )
    const central = (h: number) => (Math.sin(50 * h) - Math.sin(-50 * h)) / (2 * h)
    const once = (4 * central(2 ** -12) - central(2 ** -11)) / 3
    assert.isAbove(relativeError([once], [50]), 1e-10)
  })

  it("dz/dK of tanh(x K + b) is (1 - z^2) abar, error <= 1e-11; with d tanh = 1 it is not", () => {
    const dense = sequence(3, [
      { kind: "dense", units: 2 },
      { kind: "activation", name: "tanh" }
    ])
    const [t, a] = [random.normals(8), [0.4, -1.2, 0.7]]
    const s = outputs(dense, t, a)
    const closed = (slope: (value: number) => number) =>
      Array.from(s, (value, c) =>
        [...a, 1].flatMap((v) => [0, 1].map((o) => (o === c ? v * slope(value) : 0)))
      )
    assert.isAtMost(
      relativeError(
        jacobian(dense, t, a),
        closed((value) => 1 - value * value)
      ),
      1e-11
    )
    assert.isAbove(
      relativeError(
        jacobian(dense, t, a),
        closed(() => 1)
      ),
      1e-2
    )
  })

  it("the Fisher and the expand factors agree, error <= 1e-8, and where T = 1 the reduce ones too", () => {
    const likelihood = likelihoods.find(({ name }) => name === "categorical")!
    const { X, theta } = makeCase(likelihood, "tanh", 3, old, 2)
    const columns = (n: number) => {
      const z = Old.outputs(old, theta, X[n]!)
      return likelihood
        .support(z)
        .map(({ probability, y }) =>
          Float64Array.from(likelihood.score(z, y), (s) => s * Math.sqrt(probability))
        )
    }
    const lambda = (n: number) => {
      const total = zeros(outputSize(net), outputSize(net))
      for (const s of columns(n)) addOuter(total, 1, s)
      return total
    }
    const F = OldFisher.denseFisher(old, likelihood, theta, X)
    assert.isAtMost(relativeError(denseFisher(net, theta, X, lambda), F), 1e-8)
    assert.isAbove(
      relativeError(
        denseFisher(net, theta, X, () => lambda(0)),
        F
      ),
      1e-3
    )
    const factors = OldFisher.kfacFactors(old, likelihood, theta, X)
    kfacFactors(net, theta, X, columns).forEach(({ expand, reduce }, l) => {
      const agree = factors[l]!.block.positions === 1 ? [expand, reduce] : [expand]
      for (const { A, G } of agree) {
        assert.isAtMost(relativeError(A, factors[l]!.A), 1e-8)
        assert.isAtMost(relativeError(G, factors[l]!.G), 1e-8)
      }
      if (agree.length === 1) assert.isAbove(relativeError(reduce.A, factors[l]!.A), 1e-2)
    })
  })
})
