/** Bad input, samplers of y: wrong weights, labels that cannot be, wrong lengths, failures. */
import { Effect, Layer, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  Draws,
  Errors,
  Fisher,
  Likelihood,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"
import { type Case, fails, type Row, type Tag } from "./support/refusals.ts"
import { given, network, params, type Services, small, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const gaussian = Conditional.make(network, Likelihood.gaussian({ variance: 1 }))
const bernoulli = Conditional.make(network, Likelihood.bernoulli)
const settings = { learningRate: 0.1, structure: Structure.kfac, damping: Damping.absolute(1) }

/** The programs that ask a sampler. */
const uses = (sampler: Services["sampler"]) => ({
  dense: () => given({ sampler })(Fisher.estimate(small, params, Structure.dense)),
  "kfac, concurrency 4": () =>
    given({ sampler })(Fisher.estimate(small, params, Structure.kfac, { blockSize: 1, concurrency: 4 })),
  diagonal: () => given({ sampler })(Fisher.estimate(small, params, Structure.diagonal)),
  training: () =>
    given({ sampler })(Training.run(small, params, settings).pipe(Stream.take(2), Stream.runDrain))
})

const rule = (draws: unknown) => Sampler.fromRule("mine", () => wrong(draws))
const ruled = (of: typeof small, draws: unknown) => () =>
  given({ sampler: rule(draws) })(Fisher.estimate(of, params, Structure.kfac))

type Draw = readonly [y: unknown, weight: unknown]
const draws = (...pairs: ReadonlyArray<Draw>) => pairs.map(([y, weight]) => ({ y, weight }))

describe("a rule's weights", () => {
  const rows: ReadonlyArray<readonly [string, unknown, Tag, ...ReadonlyArray<string>]> = [
    ["below 0", draws([[0], -1], [[1], 2]), "InvalidArgument", "weights -1, 2", "sum to 1"],
    ["that sum to 0.5", draws([[0], 0.5]), "InvalidArgument", "weights 0.5", "sum to 1"],
    ["that sum to 2", draws([[0], 1], [[1], 1]), "InvalidArgument", "weights 1, 1", "sum to 1"],
    ["of NaN", draws([[0], Number.NaN]), "InvalidArgument", "weights NaN"],
    ["of infinity", draws([[0], Number.POSITIVE_INFINITY]), "InvalidArgument", "weights Infinity"]
  ]
  for (const [title, value, tag, ...says] of rows) {
    const programs = Object.entries(uses(rule(value)))
    fails(
      programs.map(([of, program]): Case => [`${of}: weights ${title}`, program, tag, "example", ...says])
    )
  }
  fails([
    ["weights as text", ruled(small, draws([[0], "1"])), "InvalidArgument", "mine", '"1"'],
    ["a weight that is missing", ruled(small, [{ y: [0] }]), "InvalidArgument", "mine", "undefined"],
    ["no draw", ruled(small, []), "InvalidArgument", "mine", "no draw"]
  ])
})

describe("a rule's labels", () => {
  const classes: ReadonlyArray<Row> = [
    ["a class of 2 over 2", () => [2], "InvalidLabel", "is 2", "from 0 to 1"],
    ["a class of -1", () => [-1], "InvalidLabel", "is -1"],
    ["half a class", () => [0.5], "InvalidLabel", "is 0.5"],
    ["NaN", () => [Number.NaN], "InvalidLabel", "is NaN"],
    ["no number", () => [], "ShapeMismatch", "1"],
    ["two numbers", () => [0, 1], "ShapeMismatch", "0,1", "1"],
    ["a bare number", () => 1, "ShapeMismatch", "1"]
  ]
  const pairs: ReadonlyArray<Row> = [
    ["no number", () => [], "ShapeMismatch", "2"],
    ["one number for two", () => [1], "ShapeMismatch", "1", "2"],
    ["three numbers for two", () => [1, 0, 1], "ShapeMismatch", "1,0,1", "2"],
    ["a bare number", () => 1, "ShapeMismatch", "1", "2"],
    ["NaN", () => [0, Number.NaN], "InvalidLabel", "is NaN"],
    ["text", () => ["a", "b"], "InvalidLabel", "example 0"]
  ]
  const table = [
    ["categorical", small, classes],
    ["bernoulli", bernoulli, pairs],
    ["gaussian", gaussian, pairs]
  ] as const
  for (const [likelihood, of, rows] of table) {
    fails(
      rows.map(([name, y, ...due]): Case => [`${likelihood}: ${name}`, ruled(of, draws([y(), 1])), ...due])
    )
  }
  fails([["bernoulli: half a bit", ruled(bernoulli, draws([[0, 0.5], 1])), "InvalidLabel", "is 0.5"]])
})

/** A sampler that gives these draws for a block of 4. */
const giving = (given: unknown) =>
  Layer.succeed(Sampler, { name: "own", draw: () => Effect.succeed(wrong(given)) })
const labels = (changes: object = {}) =>
  giving(
    Draws.Labels({
      columns: 1,
      labels: new Float64Array(4),
      weights: new Float64Array(4).fill(1),
      ...changes
    })
  )
const columns = (changes: object = {}) =>
  giving(Draws.Cotangents({ columns: 1, cotangents: new Float32Array(8).fill(0.1), ...changes }))

describe("draws of a Sampler of one's own", () => {
  it("its right draws are taken", async () => {
    for (const sampler of [labels(), columns()]) {
      const made = await Effect.runPromise(given({ sampler })(Fisher.estimate(small, params, Structure.kfac)))
      expect(Fisher.trace(made)).toBeGreaterThan(0)
    }
  })
  const rows: ReadonlyArray<readonly [string, Services["sampler"], Tag, ...ReadonlyArray<string>]> = [
    ["3 labels for 4", labels({ labels: new Float64Array(3) }), "ShapeMismatch", "3 labels", "needs 4"],
    ["3 weights for 4", labels({ weights: new Float64Array(3) }), "ShapeMismatch", "3 weights", "needs 4"],
    [
      "weights below 0",
      labels({ weights: new Float64Array(4).fill(-1) }),
      "InvalidArgument",
      "weights",
      "-1"
    ],
    [
      "weights of NaN",
      labels({ weights: new Float64Array(4).fill(Number.NaN) }),
      "InvalidArgument",
      "weights",
      "NaN"
    ],
    [
      "weights that sum to 2",
      labels({ weights: new Float64Array(4).fill(2) }),
      "InvalidArgument",
      "weights",
      "2"
    ],
    [
      "a class of 7 over 2",
      labels({ labels: Float64Array.of(0, 1, 7, 0) }),
      "InvalidLabel",
      "7",
      "example 2"
    ],
    ["half a class", labels({ labels: Float64Array.of(0, 1, 0.5, 0) }), "InvalidLabel", "0.5", "example 2"],
    [
      "a class of NaN",
      labels({ labels: Float64Array.of(0, 1, Number.NaN, 0) }),
      "InvalidLabel",
      "NaN",
      "example 2"
    ],
    [
      "no column of labels",
      labels({ columns: 0, labels: new Float64Array(0), weights: new Float64Array(0) }),
      "InvalidArgument",
      "0 columns"
    ],
    ["-1 columns of labels", labels({ columns: -1 }), "InvalidArgument", "-1 columns"],
    [
      "no column of cotangents",
      columns({ columns: 0, cotangents: new Float32Array(0) }),
      "InvalidArgument",
      "0 columns"
    ],
    ["NaN columns of cotangents", columns({ columns: Number.NaN }), "InvalidArgument", "NaN columns"],
    [
      "7 cotangents for 8",
      columns({ cotangents: new Float32Array(7) }),
      "ShapeMismatch",
      "7 cotangents",
      "needs 8"
    ],
    ["cotangents of NaN", columns({ cotangents: new Float32Array(8).fill(Number.NaN) }), "NonFinite", "NaN"],
    [
      "cotangents of infinity",
      columns({ cotangents: new Float32Array(8).fill(1 / 0) }),
      "NonFinite",
      "Infinity"
    ]
  ]
  for (const [title, sampler, ...due] of rows) {
    const { dense, diagonal } = uses(sampler)
    fails([[title, title.startsWith("no column") ? diagonal : dense, ...due]])
  }
  it("cotangents in float64 are taken as those in float32 are", async () => {
    const traces = [Float32Array, Float64Array].map((Type) =>
      Effect.map(
        given({ sampler: columns({ cotangents: new Type(8).fill(0.5) }) })(
          Fisher.estimate(small, params, Structure.kfac)
        ),
        Fisher.trace
      )
    )
    const [single, double] = await Effect.runPromise(Effect.all(traces))
    expect(double).toBe(single)
  })
})

describe("a sampler that fails", () => {
  const refused = new Errors.InvalidArgument({ argument: "mine", value: "3", message: "mine is 3. Give 4." })
  const failing = Layer.effect(
    Sampler,
    Effect.sync(() => {
      let asked = 0
      return Sampler.of({
        name: "own",
        draw: () =>
          ++asked > 1
            ? Effect.fail(refused)
            : Effect.succeed(Draws.Cotangents({ columns: 1, cotangents: new Float32Array(2) }))
      })
    })
  )
  fails([
    ["the error is the sampler's own", uses(failing)["kfac, concurrency 4"], "InvalidArgument", "mine is 3"],
    [
      "a round of -1",
      () => given({ sampler: Sampler.monteCarlo({ draws: 1, seed: 0 }) })(asked(-1)),
      "InvalidArgument",
      "round is -1"
    ]
  ])
  const asked = (round: number) =>
    Effect.gen(function* () {
      const loaded = yield* Conditional.load(small, params)
      const outputs = yield* Conditional.evaluate(loaded, {
        x: new Float32Array(3),
        examples: 1,
        features: 3,
        indices: Float64Array.of(0)
      })
      return yield* (yield* Sampler).draw(outputs, round)
    }).pipe(Effect.scoped)
})
