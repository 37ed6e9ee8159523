/**
 * Every layer in a network of each row of `layerNets`: outputs, the two linear maps of a linearisation and the score, with K = 3 columns,
 * N = 5 examples and C outputs.
 *
 * Errors are in units of n eps, eps = 2^-24 and n the number of terms in a chain through the operations, with the positions for what
 * sums over them. Parameters, inputs and directions are dyadic: float32 holds them exactly, so an error is one of the arithmetic.
 */
import { describe, expect, it } from "vitest"
import { isLayer } from "../src/model/Graph.ts"
import * as registry from "../src/model/layers/registry.ts"
import { outputSize, outputs, planOf, size } from "./oracle/graph/graph.ts"
import { axpy, dot, frobenius, norm, slope, type Vector } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import {
  deviceRemainders,
  differenceDirection,
  type GraphCase,
  graphCase,
  graphMaps,
  isSmooth,
  mostPositions,
  once,
  outputsAt,
  pulled,
  pushed,
  steps,
  terms
} from "./support/graphLaws.ts"
import { layerNets, taken } from "./support/layerNets.ts"
import type { LayerNet } from "./support/layerRow.ts"
import { dyadic, eps32, ratio, vectorError, worst } from "./support/measure.ts"
import { devices, runWith } from "./support/subject.ts"

const examples = 5
const columns = 3

const laws = (layerNet: LayerNet, made: () => GraphCase, device: (typeof devices)[string]) => {
  const run = runWith(device)
  const { oracle } = layerNet
  const plan = planOf(oracle)
  const C = outputSize(oracle)
  const unit = terms(plan) * eps32
  const positions = mostPositions(plan)
  const random = generator(3)
  const vs = Array.from({ length: 4 }, () => dyadic(random.normals(size(oracle)), 8))
  const w = Float32Array.from(dyadic(random.normals(columns * examples * C), 8))
  const wAt = (k: number, n: number) => w.subarray((k * examples + n) * C, (k * examples + n + 1) * C)
  const maps = once(() => run(graphMaps(made(), vs, w, columns)))

  it("has the oracle's blocks: rows, columns, bias, offset and form; control: transposed", () => {
    const forms = { outer: "outer", elementwise: "unitwise", written: "written" } as const
    const due = plan.blocks.map(({ bias, columns, form, offset, rows }) => ({
      rows,
      columns,
      bias,
      offset,
      form: forms[form]
    }))
    const ours = made().network.space.blocks.map(({ layer: _, ...block }) => block)
    expect(ours).toEqual(due)
    const turned = due.map((block) => ({ ...block, rows: block.columns, columns: block.rows }))
    expect(ours).not.toEqual(turned)
  })

  it("outputs are the oracle's, linearised or not, ratio <= 10; control: without the parameters of any one block, the row's own", async () => {
    const c = made()
    const { predicted, z } = await maps()
    const due = outputsAt(c, c.theta)
    expect(vectorError(z, due, unit)).toBeLessThanOrEqual(10)
    expect(vectorError(predicted, due, unit)).toBeLessThanOrEqual(10)
    for (const { columns, offset, rows } of plan.blocks) {
      const without = Float64Array.from(c.theta).fill(0, offset, offset + rows * columns)
      expect(vectorError(z, outputsAt(c, without), unit)).toBeGreaterThan(10)
    }
    for (const wrong of layerNet.wrong) {
      const other = c.X.flatMap((x) => Array.from(outputs(wrong, c.theta, x)))
      expect(vectorError(z, other, unit)).toBeGreaterThan(10)
    }
  })

  it("J v is the oracle's for 4 tangents, ratio <= 10; control: off by 1e-3", async () => {
    const { jvs } = await maps()
    const errorOf = (scaled: number) =>
      worst(
        vs.map((v, i) =>
          vectorError(
            jvs[i]!.map((t) => t * scaled),
            pushed(made(), v),
            unit
          )
        )
      )
    expect(errorOf(1)).toBeLessThanOrEqual(10)
    expect(errorOf(1 + 1e-3)).toBeGreaterThan(10)
  })

  it("the gradient of each column and example is the oracle's, ratio <= 10; control: columns swapped", async () => {
    const { gradient } = await maps()
    const errorOf = (due: (k: number, n: number) => Vector) =>
      worst(
        Array.from({ length: columns * examples }, (_, i) => {
          const [k, n] = [Math.floor(i / examples), i % examples]
          return vectorError(gradient(k, n), pulled(made(), n, due(k, n)), positions * unit)
        })
      )
    expect(errorOf(wAt)).toBeLessThanOrEqual(10)
    expect(errorOf((k, n) => wAt(columns - 1 - k, n))).toBeGreaterThan(10)
  })

  it("J^T w summed over 3 columns of 5 examples is the oracle's, ratio <= 10; control: its mean", async () => {
    const { sum } = await maps()
    let due: Float64Array = new Float64Array(size(oracle))
    for (let k = 0; k < columns; k++) {
      for (let n = 0; n < examples; n++) due = axpy(due, 1, pulled(made(), n, wAt(k, n)))
    }
    const length = Math.sqrt(columns * examples) * positions * unit
    expect(vectorError(sum, due, length)).toBeLessThanOrEqual(10)
    expect(
      vectorError(
        sum.map((g) => g / examples),
        due,
        length
      )
    ).toBeGreaterThan(10)
  })

  it("L7: <J v, w> = <v, J^T w> for 4 tangents, ratio <= 10; control: J v off by 10 %", async () => {
    const { jvs, sum } = await maps()
    const total = new Float64Array(examples * C)
    for (const [i, entry] of w.entries()) total[i % total.length]! += entry
    const length = Math.hypot(...made().X.map((_, n) => frobenius(made().jacobian(n))))
    const gap = (scaled: number) =>
      worst(
        vs.map((v, i) =>
          ratio(Math.abs(scaled * dot(jvs[i]!, total) - dot(v, sum)), unit * length * norm(v) * norm(total))
        )
      )
    expect(gap(1)).toBeLessThanOrEqual(10)
    expect(gap(1.1)).toBeGreaterThan(10)
  })

  if (!isSmooth(oracle)) return
  it("L7: central differences of the outputs meet J v with order 2.0 +- 0.1, or where z is quadratic to rounding; control: J v off by 1 % does not", async () => {
    const c = made()
    const { order, v } = differenceDirection(c)
    const {
      jvs: [exact]
    } = await run(graphMaps(c, [v], w, columns))
    const errors = await run(deviceRemainders(c, v, exact!))
    if (order === "second") {
      expect(Math.abs(slope(steps, errors(1)) - 2)).toBeLessThanOrEqual(0.1)
      expect(Math.abs(slope(steps, errors(1.01)) - 2)).toBeGreaterThan(0.1)
    } else {
      const rounding = steps.map((h) => (unit * norm(outputsAt(c, c.theta))) / h)
      const gap = (scaled: number) => worst(errors(scaled).map((error, i) => ratio(error, rounding[i]!)))
      expect(gap(1)).toBeLessThanOrEqual(10)
      expect(gap(1.01)).toBeGreaterThan(10)
    }
  })
}

for (const [title, layerNet] of Object.entries(layerNets)) {
  // A layer that cannot be built fails the tests of its own rows alone.
  const made = once(() => graphCase(layerNet, examples))
  for (const [name, device] of Object.entries(devices)) {
    describe(`${title}, on ${name}`, () => laws(layerNet, made, device))
  }
}

describe("the rows", () => {
  const missing = (layers: Readonly<Record<string, unknown>>): ReadonlyArray<string> => {
    const names = taken(layerNets)
    const due = Object.entries(layers).flatMap(([name, value]) =>
      typeof value === "function" || isLayer(value) ? [name] : Object.keys(value as object)
    )
    return due.filter((name) => !names.has(name))
  }

  it("take every layer of the library; control: not one of another name", () => {
    expect(missing(registry)).toEqual([])
    expect(missing({ ...registry, made: registry.tanh, up: { ofAnother: registry.tanh } })).toEqual([
      "made",
      "ofAnother"
    ])
  })
})
