/** Attention and masks of the graph oracle. */
import { assert, describe, it } from "@effect/vitest"
import { builder, sequence } from "./graph/build.ts"
import { kfacFactors, outerSamples } from "./graph/fisher.ts"
import { blocksOf, type GraphNetwork, type OracleOp, outputs, size, valuesOf } from "./graph/graph.ts"
import { identity, relativeError, scale, type Vector } from "./linear.ts"
import { generator } from "./random.ts"

const near = (a: Vector, b: Vector) => assert.isAtMost(relativeError(a, b), 1e-13)
const far = (a: Vector, b: Vector) => assert.isAbove(relativeError(a, b), 1e-2)
const parameters = (net: GraphNetwork, seed: number) => generator(seed).normals(size(net))

describe("attention", () => {
  it("one head on two positions is v[1] + sigmoid(q (k[0] - k[1]) / sqrt 2) (v[0] - v[1]), not without the root", () => {
    const op: OracleOp = { kind: "selfAttention", heads: 1, keySize: 2, bias: false }
    // q = (x, 0), k = (2 x, 5 x), v = (3 x, 7 x), output = v's first + 10 times its second.
    const net = sequence({ length: 2, channels: 1 }, [op])
    const [a, b] = [0.7, -0.4]
    const closed = (root: number) =>
      [a, b].map((q) => b * 73 + (1 / (1 + Math.exp((-q * 2 * (a - b)) / root))) * (a - b) * 73)
    const z = outputs(net, [1, 0, 2, 5, 3, 7, 1, 10], [a, b])
    near(z, closed(Math.SQRT2))
    far(z, closed(1))
  })

  it("the weights of every head sum to 1: values all alike come out; two heads have their own columns", () => {
    const op: OracleOp = { kind: "selfAttention", heads: 2, keySize: 2 }
    const net = sequence({ length: 3, channels: 4 }, [op])
    const theta = parameters(net, 3)
    const [, , value, output] = blocksOf(net)
    theta.fill(0, value!.offset, value!.offset + 16)
    const alike = theta.slice(value!.offset + 16, value!.offset + 20)
    // The output is the identity.
    theta.fill(0, output!.offset)
    for (let i = 0; i < 4; i++) theta[output!.offset + i * 5] = 1
    const z = outputs(net, theta, generator(4).normals(12))
    near(z, [...alike, ...alike, ...alike])
    far(z, [...alike, ...alike, ...alike.map((v) => 0.9 * v)])
  })

  it.each([true, false])("position t ignores later ones exactly if causal [%s]", (causal) => {
    const op: OracleOp = { kind: "selfAttention", heads: 2, keySize: 3, causal }
    const net = sequence({ length: 4, channels: 2 }, [op, { kind: "layerNorm", epsilon: 1e-3 }])
    const theta = parameters(net, 6)
    const x = generator(7).normals(8)
    const later = x.map((v, i) => (i < 4 ? v : v + 1))
    const [before, after] = [x, later].map((point) => outputs(net, theta, point).slice(0, 4))
    if (causal) assert.deepStrictEqual(before, after)
    else far(before!, after!)
    far(outputs(net, theta, x).slice(4), outputs(net, theta, later).slice(4))
  })
})

describe("masks", () => {
  const masked = (length: number, padding: boolean, head: ReadonlyArray<OracleOp>) => {
    const graph = builder(length)
    const embedded = graph.apply(
      { kind: "embedding", vocabulary: 5, size: 4, ...(padding && { padding: 0 }) },
      graph.x
    )
    const mixed = graph.residual(embedded, [
      { kind: "layerNorm", epsilon: 1e-3 },
      { kind: "selfAttention", heads: 2, keySize: 3 }
    ])
    graph.chain(mixed, [{ kind: "dense", units: 3 }, { kind: "activation", name: "silu" }, ...head])
    return graph.network()
  }
  const theta = parameters(masked(3, true, []), 12)

  it("masked tokens behind a sequence change nothing; without the padding they do", () => {
    for (const head of [[], [{ kind: "globalAveragePool" }], [{ kind: "globalMaxPool" }]] as const) {
      const short = outputs(masked(3, true, head), theta, [1, 3, 2])
      const long = outputs(masked(5, true, head), theta, [1, 3, 2, 0, 0])
      near(long.slice(0, short.length), short)
      // The network's own output is 0 at masked positions.
      assert.isTrue(long.slice(short.length).every((v) => v === 0))
      far(outputs(masked(5, false, head), theta, [1, 3, 2, 0, 0]).slice(0, short.length), short)
    }
    assert.isTrue(
      outputs(masked(3, true, [{ kind: "globalMaxPool" }]), theta, [0, 0, 0]).every((v) => v === 0)
    )
  })

  it("a convolution, a reshape and a group norm see 0 at masked positions, and what follows has no mask", () => {
    const ones = [5, 6, 1, 1, 1, 7]
    const shape = { length: 3, channels: 2 }
    const mask: OracleOp = { kind: "masking", value: 1 }
    const at = (ops: ReadonlyArray<OracleOp>, t: Vector = []) =>
      Array.from(outputs(sequence(shape, ops), t, ones))
    assert.deepStrictEqual(at([mask]), [5, 6, 0, 0, 1, 7])
    assert.deepStrictEqual(at([mask, { kind: "globalAveragePool" }]), [3, 6.5])
    assert.deepStrictEqual(
      at([mask, { kind: "conv1d", filters: 1, kernel: 2 }], [1, 10, 100, 1000, 2]),
      [67, 7102]
    )
    assert.deepStrictEqual(
      at([{ kind: "conv1d", filters: 1, kernel: 2 }], [1, 10, 100, 1000, 2]),
      [1167, 7113]
    )
    const forgotten = at([mask, { kind: "reshape", shape }, { kind: "globalAveragePool" }])
    assert.deepStrictEqual(forgotten, [2, 13 / 3])
  })

  it("a sum of equal masks keeps the mask, of unequal ones and a product forget it", () => {
    const shape = { length: 2, channels: 1 }
    const found = (kind: "add" | "multiply", second: number) => {
      const graph = builder(shape)
      const [a, b] = [1, second].map((value) => graph.apply({ kind: "masking", value }, graph.x))
      graph.apply({ kind }, a!, b!)
      return valuesOf(graph.network(), [], [1, 4]).at(-1)!
    }
    assert.deepStrictEqual(found("add", 1), { shape, data: Float64Array.of(2, 8), mask: [false, true] })
    assert.deepStrictEqual(found("add", 4), { shape, data: Float64Array.of(0 + 1, 4 + 0) })
    assert.deepStrictEqual(found("multiply", 1), { shape, data: Float64Array.of(0, 16) })
  })

  it("A counts the T_n unmasked positions of each example and g is 0 at the others; with T it is not so", () => {
    const net = sequence(4, [
      { kind: "embedding", vocabulary: 3, size: 2, padding: 0 },
      { kind: "globalAveragePool" }
    ])
    const X = [
      [1, 2, 2, 0],
      [2, 0, 0, 0],
      [0, 0, 0, 0]
    ]
    const E = parameters(net, 2)
    const [found] = kfacFactors(net, E, X, () => identity(2))
    const diagonal = (a: number, b: number) => [
      [0, 0, 0],
      [0, a, 0],
      [0, 0, b]
    ]
    assert.isAtMost(relativeError(found!.expand.A, diagonal(1 / 9, (2 / 3 + 1) / 3)), 1e-14)
    assert.isAbove(relativeError(found!.expand.A, diagonal(1 / 12, (2 / 4 + 1 / 4) / 3)), 0.1)
    // mean rows (0, 1/3, 2/3), (0, 0, 1) and none; g = 1 / T_n at each unmasked position.
    const reduced = [
      [0, 0, 0],
      [0, 1 / 27, 2 / 27],
      [0, 2 / 27, 4 / 27 + 1 / 3]
    ]
    assert.isAtMost(relativeError(found!.reduce.A, reduced), 1e-14)
    assert.isAtMost(relativeError(found!.expand.G, scale((1 / 3 + 1) / 3, identity(2))), 1e-9)
    assert.isAtMost(relativeError(found!.reduce.G, scale(2 / 3, identity(2))), 1e-9)
    const [sample] = outerSamples(net, E, X[0]!, [1, 5])
    assert.deepStrictEqual(sample!.masked, [false, false, false, true])
    assert.deepStrictEqual(sample!.g[3], Float64Array.of(0, 0))
  })
})
