/** Bad input, pure operations: vectors with NaN or infinity, and Fishers that are singular. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Cotangent,
  Damping,
  DataSource,
  Fisher,
  Likelihood,
  NaturalGradient,
  Network,
  Params,
  Structure,
  Tangent
} from "../src/index.ts"
import { everyStructure } from "./support/programs.ts"
import { fails, returns } from "./support/refusals.ts"
import { given, params, small, space, spoilt, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const { dense, fishers, gradient, kfac } = await Effect.runPromise(
  given()(
    Effect.all({
      gradient: Conditional.gradient(small, params),
      fishers: Effect.forEach(everyStructure(2), (structure) => Fisher.estimate(small, params, structure)),
      dense: Fisher.estimate(small, params, Structure.dense),
      kfac: Fisher.estimate(small, params, Structure.kfac)
    })
  )
)
const shared = [
  params.values,
  gradient.values,
  ...[...fishers, dense, kfac].flatMap(({ means, structure }) => [...means, ...structure.constants])
]
const bits = () => shared.map((values) => Array.from(new Uint32Array(values.slice().buffer)))
const before = bits()

afterAll(() => {
  // Whatever was refused above left the values that it was given as they were.
  expect(bits()).toEqual(before)
})

const damping = Damping.absolute(1)
const v = Tangent.make(space, gradient.values)

const spoils: ReadonlyArray<readonly [value: number, shown: string]> = [
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"]
]

describe("vectors that were spoilt after they were made", () => {
  for (const fisher of fishers) {
    const { name } = fisher.structure
    for (const [value, shown] of spoils) {
      returns([
        [
          `apply of ${name} to ${shown}`,
          () => Fisher.apply(fisher, spoilt(v, value)),
          "NonFinite",
          "at index"
        ],
        [
          `quadraticForm of ${name} with ${shown}`,
          () => Fisher.quadraticForm(fisher, spoilt(v, value)),
          "NonFinite",
          "at index"
        ],
        [
          `solve of ${name} against ${shown}`,
          () => Fisher.solve(fisher, spoilt(gradient, value), damping),
          "NonFinite",
          "at index"
        ],
        [
          `step of ${name} from ${shown}`,
          () => NaturalGradient.step(spoilt(params, value), gradient, fisher, { learningRate: 1, damping }),
          "NonFinite",
          shown
        ],
        [
          `step of ${name} on ${shown}`,
          () => NaturalGradient.step(params, spoilt(gradient, value), fisher, { learningRate: 1, damping }),
          "NonFinite",
          "at index"
        ]
      ])
    }
  }
  const huge = Tangent.make(
    space,
    v.values.map(() => 3e38)
  )
  const options = { learningRate: 1, damping }
  returns([
    ["apply of kfac to 3e38", () => Fisher.apply(kfac, huge), "NonFinite", "at index"],
    [
      "factored solve against NaN",
      () => Fisher.solve(kfac, spoilt(gradient, Number.NaN), Damping.factored(1)),
      "NonFinite",
      "NaN"
    ],
    [
      "a learning rate of 1e300",
      () => NaturalGradient.step(params, gradient, dense, { learningRate: 1e300, damping }),
      "NonFinite",
      "at index"
    ],
    [
      "a last update of NaN",
      () =>
        NaturalGradient.step(params, gradient, dense, {
          ...options,
          momentum: 0.5,
          last: spoilt(v, Number.NaN)
        }),
      "NonFinite",
      "NaN"
    ]
  ])
})

describe("singular Fishers", () => {
  // A relu that is off everywhere: the Fisher is 0 in all of its parameters.
  const dead = Conditional.make(
    Network.sequential(1, [Network.dense(2), Network.relu, Network.dense(2)]),
    Likelihood.categorical
  )
  const off = Params.make(dead.network.space, [1, 1, -9, -9, 1, 2, 3, 4, 0, 0])
  const source = DataSource.fromArrays({ x: [[1], [2]], y: [0, 1] })
  const g = Cotangent.make(dead.network.space, new Float32Array(10).fill(1))
  const solved = <Op extends Structure.Operation>(
    structure: Structure.AnyStructure<Op | "solve">,
    at: Damping.Damping
  ) =>
    given({ source })(
      Effect.flatMap(Fisher.estimate(dead, off, structure), (fisher) =>
        Effect.fromResult(Fisher.solve(wrong(fisher) as typeof kfac, wrong(g), at))
      )
    )
  for (const value of [0, 1e-300]) {
    fails([
      [
        `dense, damping ${value}`,
        () => solved(Structure.dense, Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`,
        "pivot"
      ],
      [
        `blockDiagonal, damping ${value}`,
        () => solved(Structure.blockDiagonal, Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`
      ],
      [
        `quasiDiagonal, damping ${value}`,
        () => solved(Structure.quasiDiagonal, Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`,
        "layer"
      ],
      [
        `ekfac, damping ${value}`,
        () => solved(Structure.ekfac, Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`,
        "layer"
      ],
      [
        `gram, damping ${value}`,
        () => solved(Structure.gram, Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`
      ],
      [
        `mixed, damping ${value}`,
        () => solved(Structure.mixed([Structure.dense, Structure.kfac]), Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`
      ],
      [
        `mixed of two passes, damping ${value}`,
        () => solved(Structure.mixed([Structure.ekfac, Structure.quasiDiagonal]), Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`
      ],
      [
        `kfac, damping ${value}`,
        () => solved(Structure.kfac, Damping.absolute(value)),
        "NotPositiveDefinite",
        `damping ${value}`
      ],
      [
        `kfac, factored damping ${value}`,
        () => solved(Structure.kfac, Damping.factored(value)),
        "NotPositiveDefinite",
        `damping`
      ]
    ])
  }
  fails([
    [
      "diagonal, damping 0",
      () => solved(Structure.diagonal, Damping.absolute(0)),
      "NotPositiveDefinite",
      "damping 0",
      "parameter 0"
    ],
    [
      "diagonal, damping 1e-300",
      () => solved(Structure.diagonal, Damping.absolute(1e-300)),
      "NonFinite",
      "at index 0"
    ]
  ])
  it("the same Fishers solve with damping 1e-3", async () => {
    for (const structure of everyStructure(2)) {
      const { values } = await Effect.runPromise(solved(structure, Damping.absolute(1e-3)))
      expect(values.every(Number.isFinite)).toBe(true)
    }
  })
})
