/** Models of tfjs's layers as linear maps, and as functions where a part of one is used in two places. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Conditional, Device, Likelihood, Params, Tangent } from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { enlarged, gap, input, randomise, runs } from "./support/layersModels.ts"

beforeAll(() => tf.setBackend("cpu"))
afterAll(() => tf.disposeVariables())

const l = tf.layers

describe("a model that enlarges, pads and crops its images", () => {
  for (const [name, device] of Object.entries({ cpu: Device.cpu, wasm: Device.wasm })) {
    it(`J v is that of differences to 2e-3 and <w, J v> = <J^T w, v> to 1e-5, on ${name}; control: w of other examples`, async () => {
      const model = enlarged()
      randomise(model, 7)
      const { size, x } = input(model, 3)
      const { conditional, params } = await Effect.runPromise(
        Conditional.fromLayersModel(model, Likelihood.gaussian({ variance: 1 }))
      )
      const random = generator(4)
      const v = Float32Array.from(random.normals(params.values.length))
      const w = Float32Array.from(random.normals(6))
      const at = (h: number) =>
        Conditional.predict(
          conditional,
          Params.make(
            params.space,
            params.values.map((value, i) => value + h * v[i]!)
          ),
          { data: x, shape: [3, size] }
        )
      const made = await Effect.runPromise(
        Effect.scoped(
          Effect.gen(function* () {
            const loaded = yield* Conditional.load(conditional, params)
            const indices = Float64Array.of(0, 1, 2)
            const map = yield* Conditional.linearize(loaded, { x, examples: 3, features: size, indices })
            return {
              jv: yield* map.pushforward(Tangent.make(params.space, v)),
              pulled: yield* map.pullback(w),
              other: yield* map.pullback(w.toReversed()),
              up: yield* at(2 ** -8),
              down: yield* at(-(2 ** -8))
            }
          })
        ).pipe(Effect.provide(device))
      )
      const { down, jv, other, pulled, up } = made
      expect(
        gap(
          jv,
          Array.from(up, (value, i) => (value - down[i]!) * 2 ** 7)
        )
      ).toBeLessThan(2e-3)
      const inner = (a: ArrayLike<number>, b: ArrayLike<number>) =>
        Array.from(a, (value, i) => value * b[i]!).reduce((sum, term) => sum + term, 0)
      const scale = Math.sqrt(inner(w, w) * inner(jv, jv))
      expect(Math.abs(inner(w, jv) - inner(pulled, v))).toBeLessThan(1e-5 * scale)
      expect(Math.abs(inner(w, jv) - inner(other, v))).toBeGreaterThan(1e-3 * scale)
    })
  }
})

describe("a model of a last softmax that is applied twice", () => {
  it("is the model to 1e-6 where the last one is the likelihood's; control: both left out", async () => {
    const inner = () =>
      tf.sequential({ layers: [l.dense({ inputShape: [4], units: 4, activation: "softmax" })] })
    const x = tf.input({ shape: [4] })
    const once = inner()
    const model = tf.model({
      inputs: x,
      outputs: once.apply(once.apply(x) as tf.SymbolicTensor) as tf.SymbolicTensor
    })
    randomise(once, 4)
    const given = input(model, 5)
    const due = tf.tidy(() => (model.predict(given.tensor()) as tf.Tensor).dataSync<"float32">().slice())
    const { conditional, params } = await Effect.runPromise(
      Conditional.fromLayersModel(model, Likelihood.categorical)
    )
    const z = await runs(Conditional.predict(conditional, params, { data: given.x, shape: [5, 4] }))
    const softmax = (values: Float32Array) =>
      tf.tidy(() =>
        tf
          .softmax(tf.tensor(values, [5, 4]))
          .dataSync<"float32">()
          .slice()
      )
    expect(gap(softmax(z), due)).toBeLessThan(1e-6)
    const [kernel, bias] = once.getWeights()
    const linear = tf.tidy(() => {
      const twice = (a: tf.Tensor) => tf.add(tf.matMul(a as tf.Tensor2D, kernel as tf.Tensor2D), bias!)
      return twice(twice(given.tensor())).dataSync<"float32">().slice()
    })
    expect(gap(softmax(linear), due)).toBeGreaterThan(1e-2)
  })
})

describe("a last activation", () => {
  const { bernoulli, categorical, categoricalWith, gaussian, positions } = Likelihood
  const ownName = Likelihood.fromLogDensity({
    name: "categorical by name alone",
    labelSize: 1,
    logDensity: (y, z) => -((y[0]! - z[0]!) ** 2) / 2,
    score: (y, z) => [y[0]! - z[0]!, 0, 0],
    sample: (z) => [z[0]!]
  })
  const cases = [
    ["softmax", categorical, true],
    ["softmax", categoricalWith({ classWeights: [1, 2, 3] }), true],
    ["softmax", positions(categorical, { outputs: 3, ignored: -1 }), true],
    ["sigmoid", bernoulli, true],
    ["sigmoid", categorical, false],
    ["softmax", bernoulli, false],
    ["softmax", gaussian({ variance: 1 }), false],
    ["softmax", ownName, false]
  ] as const
  for (const [activation, likelihood, without] of cases) {
    it(`${activation} is ${without ? "left out for" : "kept with"} ${likelihood.name}; control: the other way round`, async () => {
      const model = tf.sequential({ layers: [l.dense({ inputShape: [2], units: 3, activation })] })
      const { conditional } = await Effect.runPromise(Conditional.fromLayersModel(model, likelihood))
      const { signature } = conditional.network.space
      expect(signature.includes(activation)).toBe(!without)
      expect(signature).toContain("dense(3)")
    })
  }
})

describe("an interrupted write", () => {
  it("leaves all of the model's weights old, or all new, wherever it is interrupted; control: both occur", async () => {
    const ends = new Set<string>()
    for (let steps = 0; steps < 60; steps++) {
      const layers = [4, 3, 2].map((units, i) => l.dense({ units, ...(i === 0 && { inputShape: [2] }) }))
      const model = tf.sequential({ layers })
      randomise(model, 5)
      const { params, write } = await Effect.runPromise(
        Conditional.fromLayersModel(model, Likelihood.gaussian({ variance: 1 }))
      )
      const moved = Params.make(
        params.space,
        params.values.map((value) => value + 1)
      )
      const abort = new AbortController()
      const exit = Effect.runPromiseExit(write(moved), { signal: abort.signal })
      for (let step = 0; step < steps; step++) await Promise.resolve()
      abort.abort()
      await exit
      const values = model.layers.flatMap((layer) =>
        layer.getWeights().flatMap((weight) => Array.from(weight.dataSync()))
      )
      const isMoved = values.map((value, i) => Math.abs(value - params.values[i]!) > 0.5)
      expect(new Set(isMoved).size).toBe(1)
      ends.add(isMoved[0] ? "new" : "old")
      model.dispose()
    }
    expect(ends).toEqual(new Set(["old", "new"]))
  })
})
