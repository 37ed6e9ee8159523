/** The blocks of the graph oracle and its Fishers. */
import { assert, describe, it } from "@effect/vitest"
import { sequence } from "./graph/build.ts"
import { jacobian, vjp } from "./graph/derivatives.ts"
import { denseFisher, kfacFactors, outerSamples } from "./graph/fisher.ts"
import {
  blocksOf,
  type GraphNetwork,
  type OracleOp,
  outputSize,
  outputs,
  size,
  valuesOf
} from "./graph/graph.ts"
import { rowsOf, sizeOf } from "./graph/values.ts"
import { identity, kron, type Rows, relativeError, type Vector, zeros } from "./linear.ts"
import { generator } from "./random.ts"

const near = (a: Vector, b: Vector) => assert.isAtMost(relativeError(a, b), 1e-13)
const far = (a: Vector, b: Vector) => assert.isAbove(relativeError(a, b), 1e-2)
const parameters = (net: GraphNetwork, seed: number) => generator(seed).normals(size(net))

describe("blocks", () => {
  const image = { height: 3, width: 4, channels: 2 }
  const line = { length: 3, channels: 2 }
  const shared: OracleOp = { kind: "dense", units: 2, block: "twice" }
  const tanh: OracleOp = { kind: "activation", name: "tanh" }
  const transposed: OracleOp = {
    kind: "conv2dTranspose",
    filters: 2,
    kernel: [2, 3],
    padding: [
      [1, 0],
      [0, 2]
    ]
  }
  const table: ReadonlyArray<{ readonly name: string; readonly net: GraphNetwork; readonly at?: Vector }> = [
    {
      name: "dense",
      net: sequence(5, [{ kind: "dense", units: 3, bias: false }, tanh, { kind: "dense", units: 2 }])
    },
    {
      name: "dense by position",
      net: sequence(line, [{ kind: "dense", units: 4 }, tanh, { kind: "globalAveragePool" }])
    },
    { name: "shared", net: sequence(line, [shared, tanh, shared, { kind: "flatten" }]) },
    {
      name: "conv1d",
      net: sequence(line, [{ kind: "conv1d", filters: 4, kernel: 2, padding: [1, 0], groups: 2 }, tanh])
    },
    {
      name: "conv2d",
      net: sequence(image, [{ kind: "conv2d", filters: 4, kernel: [2, 3], stride: [1, 2], groups: 2 }, tanh])
    },
    { name: "conv2dTranspose", net: sequence(image, [{ ...transposed, stride: [2, 1] }, tanh]) },
    {
      name: "embeddings and attention",
      net: sequence(4, [
        { kind: "embedding", vocabulary: 3, size: 2, padding: 0 },
        { kind: "positionalEmbedding" },
        { kind: "selfAttention", heads: 1, keySize: 2, causal: true },
        { kind: "globalAveragePool" }
      ]),
      at: [1, 0, 2, 1]
    }
  ]

  it.each(table)(
    "J^T w = sum_t abar[t] g[t]^T, error <= 1e-9; not with positions or columns moved [$name]",
    ({ at, net }) => {
      const random = generator(21)
      const theta = random.normals(size(net))
      const x = at ?? random.normals(sizeOf(net.input))
      const w = random.normals(outputSize(net))
      const gradient = vjp(net, theta, x, w)
      const summed = (wrong: boolean) => {
        const total = new Float64Array(theta.length)
        for (const { abar, block, g } of outerSamples(net, theta, x, w)) {
          assert.strictEqual(abar.length, block.positions)
          abar.forEach((row, t) => {
            const slope = g[wrong ? (t + 1) % g.length : t]!
            row.forEach((a, i) => {
              slope.forEach((v, o) => {
                total[block.offset + i * block.columns + (wrong ? (o + 1) % slope.length : o)]! += a * v
              })
            })
          })
        }
        return total
      }
      assert.isAtMost(relativeError(summed(false), gradient), 1e-9)
      assert.isAbove(relativeError(summed(true), gradient), 1e-2)
    }
  )

  it("an embedding tied to the outputs is one written block: z[t] = E E[x_t], with its Jacobian", () => {
    const net = sequence(2, [
      { kind: "embedding", vocabulary: 4, size: 2, block: "E" },
      { kind: "dense", units: 4, transposed: true, block: "E" }
    ])
    assert.deepStrictEqual(blocksOf(net), [
      { name: "E", rows: 4, columns: 2, bias: false, offset: 0, form: "written", positions: 4 }
    ])
    const E = parameters(net, 9)
    const x = [3, 1]
    const row = (k: number) => [E[2 * k]!, E[2 * k + 1]!]
    const inner = (j: number, k: number) => row(j)[0]! * row(k)[0]! + row(j)[1]! * row(k)[1]!
    near(
      outputs(net, E, x),
      x.flatMap((token) => [0, 1, 2, 3].map((k) => inner(k, token)))
    )
    // d<E_k, E_x>: E_x at k and, from the lookup, E_k at x.
    const closed = (lookup: number): Rows => {
      const J = zeros(8, 8)
      x.forEach((token, t) => {
        for (let k = 0; k < 4; k++) {
          for (let i = 0; i < 2; i++) {
            J[t * 4 + k]![2 * k + i]! += row(token)[i]!
            J[t * 4 + k]![2 * token + i]! += lookup * row(k)[i]!
          }
        }
      })
      return J
    }
    assert.isAtMost(relativeError(jacobian(net, E, x), closed(1)), 1e-10)
    assert.isAbove(relativeError(jacobian(net, E, x), closed(0)), 1e-2)
    assert.deepStrictEqual(outerSamples(net, E, x, new Float64Array(8)), [])
  })

  it("a kernel may be used transposed before it has a bias: z = x K^T K + b, by hand", () => {
    const net = sequence(2, [
      { kind: "dense", units: 3, transposed: true, block: "K" },
      { kind: "dense", units: 2, block: "K" }
    ])
    assert.deepStrictEqual(
      blocksOf(net).map(({ bias, form, rows }) => [rows, bias, form]),
      [[4, true, "written"]]
    )
    // K = [1 2; 3 4; 5 6], b = (7, 8): x K^T = (3, 7, 11).
    assert.deepStrictEqual(Array.from(outputs(net, [1, 2, 3, 4, 5, 6, 7, 8], [1, 1])), [86, 108])
    assert.notDeepEqual(Array.from(outputs(net, [1, 3, 5, 2, 4, 6, 7, 8], [1, 1])), [86, 108])
  })

  it("lists blocks in the order of their first use, and rejects uses that do not agree", () => {
    const net = sequence(line, [
      shared,
      { kind: "layerNorm", epsilon: 0.1, scale: false },
      shared,
      { kind: "conv1d", filters: 3, kernel: 2 }
    ])
    assert.deepStrictEqual(
      blocksOf(net).map(({ form, name, offset, positions, rows }) => [name, rows, offset, form, positions]),
      [
        ["twice", 3, 0, "outer", 6],
        ["1.layerNorm", 1, 6, "elementwise", 3],
        ["3.conv1d", 5, 8, "outer", 2]
      ]
    )
    assert.throws(() => blocksOf(sequence(line, [shared, { ...shared, units: 3 }])), /twice do not agree/)
    const elementwise = [
      { kind: "rmsNorm", epsilon: 0.1, block: "n" },
      { kind: "positionalEmbedding", block: "n" }
    ] as const
    assert.throws(() => blocksOf(sequence({ length: 1, channels: 2 }, elementwise)), /n do not agree/)
  })
})

describe("Fishers", () => {
  it("a linear network: expand is exact for outputs by position and reduce for their mean, error <= 1e-8; not the other", () => {
    const line = { length: 3, channels: 2 }
    const linear: OracleOp = { kind: "dense", units: 2 }
    const X = generator(31).normalMatrix(4, 6)
    for (const exact of ["expand", "reduce"] as const) {
      const net = sequence(line, exact === "expand" ? [linear] : [linear, { kind: "globalAveragePool" }])
      const theta = parameters(net, 1)
      const unit = identity(outputSize(net))
      const F = denseFisher(net, theta, X, () => unit)
      const [found] = kfacFactors(net, theta, X, () => unit)
      const error = ({ A, G }: { A: Rows; G: Rows }) => relativeError(kron(A, G), F)
      assert.isAtMost(error(found![exact]), 1e-8)
      assert.isAbove(error(found![exact === "expand" ? "reduce" : "expand"]), 0.05)
    }
  })

  it("a transposed convolution's rows are its patches: s = abar K, error <= 1e-13", () => {
    const net = sequence({ height: 3, width: 2, channels: 2 }, [
      {
        kind: "conv2dTranspose",
        filters: 3,
        kernel: [3, 2],
        stride: [2, 1],
        padding: [
          [1, 0],
          [0, 0]
        ]
      }
    ])
    const theta = parameters(net, 5)
    const x = generator(6).normals(12)
    const { abar, block } = outerSamples(net, theta, x, new Float64Array(outputSize(net)))[0]!
    const product = (order: (i: number) => number) =>
      abar.flatMap((row) =>
        [0, 1, 2].map((f) => row.reduce((sum, a, i) => sum + a * theta[order(i) * block.columns + f]!, 0))
      )
    const s = rowsOf(valuesOf(net, theta, x)[1]!).flatMap((row) => Array.from(row))
    near(
      product((i) => i),
      s
    )
    far(
      product((i) => block.rows - 1 - i),
      s
    )
  })
})
