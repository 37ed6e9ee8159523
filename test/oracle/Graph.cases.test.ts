/** The operations of the graph oracle against hand-computed values and each other. */
import { assert, describe, it } from "@effect/vitest"
import { builder, sequence } from "./graph/build.ts"
import {
  blocksOf,
  type GraphNetwork,
  type OracleOp,
  outputSize,
  outputs,
  size,
  valuesOf
} from "./graph/graph.ts"
import { rowsOf } from "./graph/values.ts"
import { dot, relativeError, transpose, type Vector } from "./linear.ts"
import { generator } from "./random.ts"

const z = (net: GraphNetwork, theta: Vector, x: Vector) => Array.from(outputs(net, theta, x))
const one = (input: GraphNetwork["input"], op: OracleOp, x: Vector, theta: Vector = []) =>
  z(sequence(input, [op]), theta, x)
const near = (a: Vector, b: Vector) => assert.isAtMost(relativeError(a, b), 1e-13)
const far = (a: Vector, b: Vector) => assert.isAbove(relativeError(a, b), 1e-2)

describe("convolutions", () => {
  const image = { height: 4, width: 3, channels: 2 }
  const random = generator(5)
  const x = random.normals(24)

  it("conv1d with stride 2, padding 1 and dilation 2 is the hand's; with dilation 1 it is not", () => {
    const op = { kind: "conv1d", filters: 1, kernel: 2, stride: 2, padding: [1, 0], dilation: 2 } as const
    const shape = { length: 5, channels: 1 }
    // Taps at -1, 1; 1, 3; with weights 10 and 100 and bias 7.
    assert.deepStrictEqual(one(shape, op, [1, 2, 3, 4, 5], [10, 100, 7]), [207, 427])
    assert.notDeepEqual(one(shape, { ...op, dilation: 1 }, [1, 2, 3, 4, 5], [10, 100, 7]), [207, 427])
  })

  it("groups see their own channels and make their own filters, group after group", () => {
    const op = { kind: "conv1d", filters: 4, kernel: 1, groups: 2, bias: false } as const
    const net = sequence({ length: 1, channels: 4 }, [op])
    const z4 = [1 + 30, 2 + 40, 500 + 7000, 600 + 8000]
    assert.deepStrictEqual(z(net, [1, 2, 3, 4, 5, 6, 7, 8], [1, 10, 100, 1000]), z4)
    // Controls: the blocks side by side, and channels dealt out in turn.
    assert.notDeepEqual(z(net, [1, 2, 5, 6, 3, 4, 7, 8], [1, 10, 100, 1000]), z4)
    assert.notDeepEqual(z(net, [1, 2, 3, 4, 5, 6, 7, 8], [1, 100, 10, 1000]), z4)
    assert.deepStrictEqual(
      blocksOf(net).map(({ columns, name, rows }) => [name, rows, columns]),
      [
        ["0.conv1d.0", 2, 2],
        ["0.conv1d.1", 2, 2]
      ]
    )
  })

  it("depthwise is conv2d with as many groups as channels; with the multiplier outside it is not", () => {
    const shared = {
      kernel: [2, 3] as const,
      stride: [2, 1] as const,
      padding: [[0, 1] as const, [1, 0] as const] as const
    }
    const theta = random.normals(7 * 6)
    const perGroup = (column: (c: number, m: number) => number) =>
      [0, 1].flatMap((c) =>
        Array.from({ length: 21 }, (_, k) => theta[Math.floor(k / 3) * 6 + column(c, k % 3)]!)
      )
    const depthwise = one(image, { kind: "depthwiseConv2d", multiplier: 3, ...shared }, x, theta)
    const grouped = { kind: "conv2d", filters: 6, groups: 2, ...shared } as const
    near(
      depthwise,
      one(
        image,
        grouped,
        x,
        perGroup((c, m) => c * 3 + m)
      )
    )
    far(
      depthwise,
      one(
        image,
        grouped,
        x,
        perGroup((c, m) => m * 2 + c)
      )
    )
  })

  it.each([
    {
      stride: [1, 1] as const,
      padding: [[1, 0] as const, [0, 1] as const] as const,
      outputPadding: [0, 0] as const
    },
    {
      stride: [2, 3] as const,
      padding: [[0, 0] as const, [1, 0] as const] as const,
      outputPadding: [0, 2] as const
    }
  ])("conv2dTranspose is the adjoint of conv2d, not with flipped taps [stride $stride]", (options) => {
    const { outputPadding, ...window } = { ...options, kernel: [2, 2] as const, bias: false }
    const forward = sequence(image, [{ kind: "conv2d", filters: 3, ...window }])
    const out = valuesOf(forward, new Float64Array(24), x)[1]!.shape
    const back = sequence(out, [{ kind: "conv2dTranspose", filters: 2, outputPadding, ...window }])
    assert.strictEqual(outputSize(back), 24)
    const K = random.normals(24)
    // K[tap, c, f] as [tap, f, c].
    const turned = (flip: boolean) =>
      Array.from({ length: 24 }, (_, k) => {
        const [tap, f, c] = [Math.floor(k / 6), Math.floor((k % 6) / 2), k % 2]
        return K[(flip ? 3 - tap : tap) * 6 + c * 3 + f]!
      })
    const y = random.normals(outputSize(forward))
    const inner = dot(outputs(forward, K, x), y)
    near([dot(x, outputs(back, turned(false), y))], [inner])
    far([dot(x, outputs(back, turned(true), y))], [inner])
  })
})

describe("normalisations", () => {
  const random = generator(8)
  const shape = { height: 2, width: 3, channels: 4 }
  const x = random.normals(24).map((v) => 3 * v + 1)
  const bare = { scale: false, shift: false, epsilon: 1e-2 }
  const moments = (values: ReadonlyArray<number>) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length }
  }
  const chunk = (values: ReadonlyArray<number>, n: number) =>
    Array.from({ length: values.length / n }, (_, k) => values.slice(k * n, (k + 1) * n))

  it("layerNorm: each position has mean 0 and variance v / (v + epsilon), error <= 1e-13; not 1", () => {
    const y = chunk(one(shape, { kind: "layerNorm", ...bare }, x), 4)
    chunk(Array.from(x), 4).forEach((row, t) => {
      const { variance } = moments(row)
      assert.isAtMost(Math.abs(moments(y[t]!).mean), 1e-13)
      near([moments(y[t]!).variance], [variance / (variance + 1e-2)])
      assert.isAbove(Math.abs(moments(y[t]!).variance - 1), 1e-5)
    })
  })

  it("rmsNorm: mean square q / (q + epsilon) before the scale; with the variance in place of q it is not", () => {
    const y = one(4, { kind: "rmsNorm", epsilon: 0.5 }, x.slice(0, 4), [1, 2, 3, 4])
    const square = dot(x.slice(0, 4), x.slice(0, 4)) / 4
    const got = y.reduce((sum, v, c) => sum + (v / (c + 1)) ** 2, 0) / 4
    near([got], [square / (square + 0.5)])
    const { variance } = moments(Array.from(x.slice(0, 4)))
    assert.isAbove(Math.abs(got - variance / (variance + 0.5)), 1e-3)
  })

  it("groupNorm with a group per channel is batchNorm with the image's statistics, scaled and shifted", () => {
    const channels = transpose(chunk(Array.from(x), 4)).map((channel) => moments(Array.from(channel)))
    const theta = random.normals(8)
    const given = {
      mean: channels.map(({ mean }) => mean),
      variance: channels.map(({ variance }) => variance)
    }
    const batch = one(shape, { kind: "batchNorm", epsilon: 1e-2, ...given }, x, theta)
    near(one(shape, { kind: "groupNorm", epsilon: 1e-2, groups: 4 }, x, theta), batch)
    far(one(shape, { kind: "groupNorm", epsilon: 1e-2, groups: 2 }, x, theta), batch)
    // Row 0 is the scale and the last row the shift.
    const bareBatch = one(shape, { kind: "batchNorm", ...bare, ...given }, x)
    near(
      batch,
      bareBatch.map((v, i) => v * theta[i % 4]! + theta[4 + (i % 4)]!)
    )
    far(
      batch,
      bareBatch.map((v, i) => v * theta[4 + (i % 4)]! + theta[i % 4]!)
    )
  })

  it("groupNorm of two groups: each group of channels has mean 0 over all positions; of another cut it has not", () => {
    const rows = chunk(one(shape, { kind: "groupNorm", groups: 2, ...bare }, x), 4)
    const mean = (from: number, to: number) => moments(rows.flatMap((row) => row.slice(from, to))).mean
    for (const group of [mean(0, 2), mean(2, 4)]) assert.isAtMost(Math.abs(group), 1e-13)
    assert.isAbove(Math.abs(mean(1, 3)), 1e-3)
  })
})

describe("pooling, activations and merges by hand", () => {
  const image = { height: 2, width: 3, channels: 1 }
  const x = [-1, -2, -3, -4, -5, -6]

  it("averages are over pixels inside, and maxima ignore padding; as zeros it would count in both", () => {
    const op = {
      size: [2, 2],
      stride: [2, 2],
      padding: [
        [0, 0],
        [1, 0]
      ]
    } as const
    assert.deepStrictEqual(one(image, { kind: "averagePool2d", ...op }, x), [-2.5, -4])
    assert.deepStrictEqual(one(image, { kind: "maxPool2d", ...op }, x), [-1, -2])
    assert.notDeepEqual(one(image, { kind: "averagePool2d", ...op }, x), [-1.25, -4])
    assert.notDeepEqual(one(image, { kind: "maxPool2d", ...op }, x), [0, -2])
    const line = { length: 3, channels: 2 }
    assert.deepStrictEqual(one(line, { kind: "averagePool1d", size: 2, stride: 1 }, x), [-2, -3, -4, -5])
    assert.deepStrictEqual(one(line, { kind: "maxPool1d", size: 2, padding: [1, 0] }, x), [-1, -2, -3, -4])
    assert.deepStrictEqual(one(line, { kind: "globalAveragePool" }, x), [-3, -4])
    assert.deepStrictEqual(one(image, { kind: "globalMaxPool" }, x), [-1])
  })

  it.each([
    ["elu", -1, 3, Math.exp(-1) - 1, 3],
    ["silu", -1, 0, -1 / (1 + Math.E), 0],
    ["leakyRelu", -5, 2, -1, 2],
    ["softsign", -3, 1, -0.75, 0.5],
    ["relu6", 7, -2, 6, 0]
  ] as const)(
    "%s has its values at %d and %d, error <= 1e-15; those of relu differ",
    (name, a, b, fa, fb) => {
      const got = one(2, { kind: "activation", name }, [a, b])
      assert.isAtMost(relativeError(got, [fa, fb]), 1e-15)
      assert.notDeepEqual(one(2, { kind: "activation", name: "relu" }, [a, b]), got)
    }
  )

  it("softmax of (log 1, log 3) is (1/4, 3/4) at each position, not over all", () => {
    const logs = [0, Math.log(3), Math.log(3), 0]
    near(one({ length: 2, channels: 2 }, { kind: "softmax" }, logs), [0.25, 0.75, 0.75, 0.25])
    near(one(4, { kind: "softmax" }, logs), [0.125, 0.375, 0.375, 0.125])
  })

  it("concatenation is by position, residuals add, branches multiply; flat it would be in another order", () => {
    const graph = builder({ length: 2, channels: 1 })
    const negative = graph.residual(graph.x, [{ kind: "activation", name: "relu" }, { kind: "dropout" }])
    graph.apply({ kind: "concatenate" }, graph.x, negative)
    assert.deepStrictEqual(z(graph.network(), [], [3, -4]), [3, 6, -4, -4])
    assert.notDeepEqual(z(graph.network(), [], [3, -4]), [3, -4, 6, -4])
    assert.deepStrictEqual(z(graph.network(negative), [], [3, -4]), [6, -4])
    const relu: OracleOp = { kind: "activation", name: "relu" }
    graph.parallel(graph.x, [[relu], [{ kind: "activation", name: "identity" }, relu]], "multiply")
    assert.deepStrictEqual(z(graph.network(), [], [3, -4]), [9, 0])
  })

  it("reshape and flatten keep the order of the numbers and reject another count", () => {
    const ops: ReadonlyArray<OracleOp> = [
      { kind: "reshape", shape: { length: 3, channels: 2 } },
      { kind: "flatten" }
    ]
    const net = sequence(image, ops)
    assert.deepStrictEqual(z(net, [], x), x)
    assert.strictEqual(size(net), 0)
    assert.deepStrictEqual(rowsOf(valuesOf(net, [], x)[1]!)[1], Float64Array.of(-3, -4))
    assert.throws(() => one(image, { kind: "reshape", shape: { length: 2, channels: 2 } }, x), /reshape of 6/)
  })
})
