/**
 * Networks on the devices: outputs, the two linear maps of a linearisation, and the score of a layer, with K > 1 columns, N > 1
 * examples and C > 1 outputs that all differ.
 *
 * Errors are in units of n eps, eps = 2^-24 and n the number of terms in a chain through the layers. Parameters, inputs and
 * directions are dyadic: float32 holds them and their sums exactly, so an error is one of the arithmetic.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Device, Network } from "../src/index.ts"
import { type AnyActivationName, activationNames, activations, furtherNames } from "./oracle/activations.ts"
import { type Case, makeCase } from "./oracle/cases.ts"
import { gaussian } from "./oracle/likelihoods.ts"
import { axpy, dot, frobenius, norm, type Vector } from "./oracle/linear.ts"
import { jacobian, jvp, type OracleNetwork, outputs, size, vjp } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import { differenceOrder, linearMaps, smoothDirection, terms } from "./support/linearMaps.ts"
import { dyadic, dyadicCase, eps32, ratio, vectorError, worst } from "./support/measure.ts"
import { sharedLaws, sharedScore, sharedTerms } from "./support/sharedScore.ts"
import { devices, runWith } from "./support/subject.ts"

/** C = 2, and a middle layer without bias. */
const network = (name: AnyActivationName): OracleNetwork => ({
  features: 3,
  layers: [
    { kind: "dense", units: 5, bias: true },
    { kind: "activation", name },
    { kind: "dense", units: 4, bias: false },
    { kind: "activation", name },
    { kind: "dense", units: 2, bias: true }
  ]
})

const names = [...activationNames, ...furtherNames]
const examples = 7
const columns = 3

const problem = (name: AnyActivationName): Case =>
  dyadicCase(makeCase(gaussian(1), name, 11, network(name), examples))

for (const [deviceName, device] of Object.entries(devices)) {
  const run = runWith(device)
  describe(deviceName, () => {
    it("the device knows every activation of the oracle, and no other", () => {
      expect(Object.keys(Network.activations).toSorted()).toEqual(names.toSorted())
    })

    for (const name of names) {
      describe(name, () => {
        const c = problem(name)
        const { net, theta, X } = c
        const unit = terms(net) * eps32
        const random = generator(3)
        const vs = Array.from({ length: 4 }, () => dyadic(random.normals(size(net)), 8))
        const w = Float32Array.from(dyadic(random.normals(columns * examples * 2), 8))
        const wAt = (k: number, n: number) => w.subarray((k * examples + n) * 2, (k * examples + n + 1) * 2)
        let made: Effect.Success<ReturnType<typeof linearMaps>>
        beforeAll(async () => {
          made = await run(linearMaps(c, vs, w, columns))
        })

        it("value and derivative are the oracle's from -20 to 20, ratio <= 10 [1]; control: a derivative off by 1e-5", async () => {
          const x = Float32Array.from({ length: 641 }, (_, i) => (i - 320) / 16)
          const layer = Network.activations[name].build(1)
          const [value, slopes] = await run(
            Effect.scoped(
              Device.use((on) =>
                Effect.flatMap(
                  on.compute("activation", (keep) => {
                    const input = tf.tensor2d(x, [x.length, 1])
                    const map = layer.linearize({ input, weights: undefined, block: undefined })
                    return [keep(map.output), keep(map.pushforward(tf.onesLike(input), undefined)!)]
                  }),
                  (tensors) => on.read("activation", tensors)
                )
              )
            )
          )
          const { df, f } = activations[name]
          const valueError = (i: number) =>
            ratio(Math.abs(value![i]! - f(x[i]!)), eps32 * Math.max(1, Math.abs(x[i]!)))
          const slopeError = (i: number, scaled: number) =>
            ratio(Math.abs(scaled * slopes![i]! - df(x[i]!)), eps32 * Math.max(1, Math.abs(x[i]!)))
          expect(worst(Array.from(x.keys(), valueError))).toBeLessThanOrEqual(10)
          expect(worst(Array.from(x.keys(), (i) => slopeError(i, 1)))).toBeLessThanOrEqual(10)
          expect(worst(Array.from(x.keys(), (i) => slopeError(i, 1 + 1e-5)))).toBeGreaterThan(10)
        })

        it("outputs are the oracle's, ratio <= 10; control: one bias left out", () => {
          const { z } = made
          const due = X.flatMap((x) => Array.from(outputs(net, theta, x)))
          expect(vectorError(z, due, unit)).toBeLessThanOrEqual(10)
          const last = theta.length - 1
          const wrong = Float64Array.from(theta, (value, i) => (i === last ? 0 : value))
          expect(
            vectorError(
              z,
              X.flatMap((x) => Array.from(outputs(net, wrong, x))),
              unit
            )
          ).toBeGreaterThan(10)
        })

        it("J v is the oracle's for 4 tangents, ratio <= 10; control: off by 1e-4", () => {
          const errorOf = (scaled: number) =>
            worst(
              vs.map((v, i) => {
                const ours = made.jvs[i]!.map((t) => t * scaled)
                return vectorError(
                  ours,
                  X.flatMap((x) => Array.from(jvp(net, theta, x, v))),
                  unit
                )
              })
            )
          expect(errorOf(1)).toBeLessThanOrEqual(10)
          expect(errorOf(1 + 1e-4)).toBeGreaterThan(10)
        })

        it("J^T w summed over 3 columns of 7 examples is the oracle's, ratio <= 10; control: its mean", () => {
          const { sum } = made
          let due: Float64Array = new Float64Array(size(net))
          for (let k = 0; k < columns; k++) {
            for (const [n, x] of X.entries()) due = axpy(due, 1, vjp(net, theta, x, wAt(k, n)))
          }
          const length = Math.sqrt(columns * examples) * unit
          expect(vectorError(sum, due, length)).toBeLessThanOrEqual(10)
          expect(
            vectorError(
              sum.map((g) => g / examples),
              due,
              length
            )
          ).toBeGreaterThan(10)
        })

        it("the gradient of each column and example is the oracle's, ratio <= 10; control: columns and examples swapped", () => {
          const { gradient } = made
          const errorOf = (at: (k: number, n: number) => Vector) =>
            worst(
              Array.from({ length: columns * examples }, (_, i) => {
                const [k, n] = [Math.floor(i / examples), i % examples]
                return vectorError(gradient(k, n), vjp(net, theta, X[n]!, at(k, n)), unit)
              })
            )
          expect(errorOf(wAt)).toBeLessThanOrEqual(10)
          const swapped = (k: number, n: number) =>
            w.subarray((n * columns + k) * 2, (n * columns + k + 1) * 2)
          expect(errorOf(swapped)).toBeGreaterThan(10)
        })

        it("L7: <J v, w> = <v, J^T w> for 4 tangents, ratio <= 10; control: J v off by 1 %", () => {
          const { jvs, sum } = made
          const total = new Float64Array(examples * 2)
          for (const [i, entry] of w.entries()) total[i % total.length]! += entry
          const length = Math.hypot(...X.map((x) => frobenius(jacobian(net, theta, x))))
          const gap = (scaled: number) =>
            worst(
              vs.map((v, i) =>
                ratio(
                  Math.abs(scaled * dot(jvs[i]!, total) - dot(v, sum)),
                  unit * length * norm(v) * norm(total)
                )
              )
            )
          expect(gap(1)).toBeLessThanOrEqual(10)
          expect(gap(1.01)).toBeGreaterThan(10)
        })

        it("L7: central differences of the outputs meet J v with order 2.0 +- 0.1; control: J v off by 1 % does not", async () => {
          const direction = smoothDirection(c)
          const {
            jvs: [exact]
          } = await run(linearMaps(c, [direction], w, columns))
          const order = await run(differenceOrder(c, direction, exact!))
          expect(Math.abs(order(1) - 2)).toBeLessThanOrEqual(0.1)
          expect(Math.abs(order(1.01) - 2)).toBeGreaterThan(0.1)
        })
      })
    }
  })
}

describe("a score of T = 3 positions on wasm", () => {
  for (const { due, name, ours, wrong } of sharedLaws) {
    it(`${name}, ratio <= 10; control: ${Object.keys(wrong).join(", or ")}`, async () => {
      const program = Device.use((on) =>
        Effect.flatMap(
          on.compute("score", (keep) => keep(ours(sharedScore()))),
          (tensor) => on.read("score", [tensor])
        )
      )
      const [values] = await runWith(Device.wasm)(Effect.scoped(program))
      const unit = sharedTerms * eps32
      expect(vectorError(values!, due, unit)).toBeLessThanOrEqual(10)
      for (const other of Object.values(wrong)) expect(vectorError(values!, other, unit)).toBeGreaterThan(10)
    })
  }
})
