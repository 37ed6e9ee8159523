/** Bad input, operations: every operation of every structure with numbers, vectors, blocks and Fishers that it must refuse. */
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Conditional, Cotangent, Damping, Fisher, ParamSpace, Tangent } from "../src/index.ts"
import { type Case, type Row, cases as refused, returns, throws } from "./support/refusals.ts"
import { ofWidth, params, space, spoilt, wrong } from "./support/small.ts"
import { alike, bits, common, half, kfac, type S, spectral } from "./support/smallFishers.ts"
import type { Common } from "./support/structures.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const other = ofWidth(5)
const strangers = { "more parameters": other, "another name": alike }
const v = Tangent.make(space, params.values)
const g = Cotangent.make(space, params.values)
const before = bits()
afterAll(() => {
  // Whatever was refused left the Fishers as they were.
  expect(bits()).toEqual(before)
})

/** Values that are refused, with what the message must say. */
const values = (
  argument: string,
  each: ReadonlyArray<unknown>,
  ...remedy: ReadonlyArray<string>
): ReadonlyArray<Row> =>
  each.map((value) => [
    `${argument} ${typeof value === "string" ? JSON.stringify(value) : value}`,
    () => value,
    "InvalidArgument",
    `${argument} is ${typeof value === "string" ? JSON.stringify(value) : value}.`,
    ...(typeof value === "number" ? remedy : [])
  ])

const atLeast0 = [-1, Number.NaN, Number.POSITIVE_INFINITY, "1", null]
const dampings = values("damping", atLeast0, "Give a finite number of at least 0.")
const solvedWith = values("damping.value", atLeast0, "Give a finite number of at least 0.")

describe("a damping", () => {
  for (const [name, fisher] of common) {
    returns(
      refused(
        `solve, ${name}`,
        (value) => Fisher.solve(fisher, g, Damping.absolute(wrong(value))),
        solvedWith
      )
    )
    returns(
      refused(
        `sample, ${name}`,
        (damping) => Fisher.sample(fisher, { damping: wrong(damping), seed: 0 }),
        dampings
      )
    )
    returns(
      refused(`logDeterminant, ${name}`, (damping) => Fisher.logDeterminant(fisher, wrong(damping)), dampings)
    )
  }
  for (const [name, fisher] of spectral) {
    returns(
      refused(
        `power, ${name}`,
        (damping) => Fisher.power(fisher, v, { exponent: 0.5, damping: wrong(damping) }),
        dampings
      )
    )
  }
  returns(
    refused(
      "factored solve, kfac",
      (value) => Fisher.solve(kfac, g, Damping.factored(wrong(value))),
      solvedWith
    )
  )
})

describe("no damping, where the Fisher is singular", () => {
  const none = (fisher: Fisher.Fisher<S, Common>) =>
    Effect.runSync(Effect.fromResult(Fisher.scale(fisher, 0)))
  const due = ["NotPositiveDefinite", "damping 0", "ive "] as const
  for (const [name, fisher] of common) {
    const zero = none(fisher)
    returns([
      [`solve, ${name}`, () => Fisher.solve(zero, g, Damping.absolute(0)), ...due],
      [`sample, ${name}`, () => Fisher.sample(zero, { damping: 0, seed: 0 }), ...due],
      [`logDeterminant, ${name}`, () => Fisher.logDeterminant(zero, 0), ...due],
      [
        `solve with a damping whose inverse overflows, ${name}`,
        () => Fisher.solve(zero, g, Damping.absolute(1e-300)),
        "NonFinite",
        "at index",
        "Give more damping"
      ],
      [
        `sample with a damping whose inverse overflows, ${name}`,
        () => Fisher.sample(zero, { damping: 1e-300, seed: 0 }),
        "NonFinite",
        "at index",
        "Give more damping"
      ]
    ])
  }
  for (const [name, fisher] of spectral) {
    const zero = Effect.runSync(Effect.fromResult(Fisher.scale(fisher, 0)))
    returns(
      [-0.5, -1, -1e-3].map(
        (exponent): Case => [
          `power ${exponent}, ${name}`,
          () => Fisher.power(zero, v, { exponent, damping: 0 }),
          ...due
        ]
      )
    )
  }
})

describe("an exponent", () => {
  for (const [name, fisher] of spectral) {
    returns(
      refused(
        `power, ${name}`,
        (exponent) => Fisher.power(fisher, v, { exponent: wrong(exponent), damping: 1 }),
        values(
          "exponent",
          [Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined],
          "Give a finite number."
        )
      )
    )
    returns([
      [
        `power 1e4 overflows, ${name}`,
        () => Fisher.power(fisher, v, { exponent: 1e4, damping: 10 }),
        "NonFinite",
        "power",
        "at index"
      ]
    ])
  }
})

describe("a seed and the number of a draw", () => {
  const seeds = values("seed", [-1, 1.5, Number.NaN, "0", null], "A seed is a whole number")
  const draws = values("draw", [-1, 1.5, Number.NaN, "0", null], "Give a whole number of at least 0.")
  for (const [name, fisher] of common) {
    returns(
      refused(`sample, ${name}`, (seed) => Fisher.sample(fisher, { damping: 1, seed: wrong(seed) }), seeds)
    )
    returns(
      refused(
        `sample, ${name}`,
        (draw) => Fisher.sample(fisher, { damping: 1, seed: 0, draw: wrong(draw) }),
        draws
      )
    )
  }
  it("the last of either, 2^53 - 1, draw finite numbers of their own", () => {
    const last = Number.MAX_SAFE_INTEGER
    const drawn = [{ seed: last }, { seed: 0, draw: last }, { seed: last, draw: last }, { seed: 0 }].map(
      (own) => Effect.runSync(Effect.fromResult(Fisher.sample(kfac, { damping: 1, ...own }))).values
    )
    for (const numbers of drawn) expect(numbers.every(Number.isFinite)).toBe(true)
    expect(new Set(drawn.map(String)).size).toBe(4)
  })
})

describe("a factor", () => {
  for (const [name, fisher] of common) {
    returns(
      refused(
        `scale, ${name}`,
        (factor) => Fisher.scale(fisher, wrong(factor)),
        values("factor", atLeast0, "Give a finite number of at least 0.")
      )
    )
    returns([
      [
        `scale by 1e300 overflows, ${name}`,
        () => Fisher.scale(fisher, 1e300),
        "NonFinite",
        "moment",
        "at index"
      ]
    ])
  }
})

describe("options that are no record, or hold a name that is none", () => {
  returns([
    ["power, null", () => Fisher.power(kfac, v, wrong(null)), "InvalidArgument", "options is null"],
    [
      "power, no damping",
      () => Fisher.power(kfac, v, wrong({ exponent: 1 })),
      "InvalidArgument",
      "damping is undefined"
    ],
    [
      "power, no exponent",
      () => Fisher.power(kfac, v, wrong({ damping: 1 })),
      "InvalidArgument",
      "exponent is undefined"
    ],
    ["power, the number alone", () => Fisher.power(kfac, v, wrong(0.5)), "InvalidArgument", "0.5"],
    [
      "power, exponentt",
      () => Fisher.power(kfac, v, wrong({ exponent: 1, damping: 1, exponentt: 2 })),
      "InvalidArgument",
      "exponentt is 2"
    ],
    ["sample, null", () => Fisher.sample(kfac, wrong(null)), "InvalidArgument", "options is null"],
    [
      "sample, no seed",
      () => Fisher.sample(kfac, wrong({ damping: 1 })),
      "InvalidArgument",
      "seed is undefined"
    ],
    [
      "sample, no damping",
      () => Fisher.sample(kfac, wrong({ seed: 1 })),
      "InvalidArgument",
      "damping is undefined"
    ],
    [
      "sample, a Damping",
      () => Fisher.sample(kfac, wrong({ seed: 1, damping: half })),
      "InvalidArgument",
      "damping is"
    ],
    [
      "sample, draws",
      () => Fisher.sample(kfac, wrong({ damping: 1, seed: 0, draws: 3 })),
      "InvalidArgument",
      "draws is 3"
    ],
    [
      "logDeterminant, a Damping",
      () => Fisher.logDeterminant(kfac, wrong(half)),
      "InvalidArgument",
      "damping is"
    ],
    ["scale, a record", () => Fisher.scale(kfac, wrong({ factor: 2 })), "InvalidArgument", "factor is"]
  ])
})

describe("a vector of another network", () => {
  for (const [what, stranger] of Object.entries(strangers)) {
    const values = Conditional.init(stranger, { seed: 1 }).values
    const tangent = Tangent.make(stranger.network.space, values)
    const cotangent = Cotangent.make(stranger.network.space, values)
    const due = ["ShapeMismatch", space.signature, stranger.network.space.signature] as const
    for (const [name, fisher] of common) {
      returns([
        [`apply, ${what}, ${name}`, () => Fisher.apply(fisher, tangent), ...due],
        [`quadraticForm, ${what}, ${name}`, () => Fisher.quadraticForm(fisher, tangent), ...due],
        [`solve, ${what}, ${name}`, () => Fisher.solve(fisher, cotangent, half), ...due]
      ])
    }
    for (const [name, fisher] of spectral) {
      returns([
        [`power, ${what}, ${name}`, () => Fisher.power(fisher, tangent, { exponent: 1, damping: 1 }), ...due]
      ])
    }
  }
})

describe("a vector of another kind, or none", () => {
  const kinds: ReadonlyArray<readonly [string, unknown]> = [
    ["Params", params],
    ["a bare array", params.values],
    ["null", null],
    ["undefined", undefined],
    ["a list", Array.from(params.values)],
    ["a record", { values: params.values }]
  ]
  const apply = (value: unknown) => Fisher.apply(kfac, wrong(value))
  const form = (value: unknown) => Fisher.quadraticForm(kfac, wrong(value))
  const solve = (value: unknown) => Fisher.solve(kfac, wrong(value), half)
  const power = (value: unknown) => Fisher.power(kfac, wrong(value), { exponent: 0.5, damping: 1 })
  const due = (kind: string) =>
    kinds.map(
      ([name, value]): Row => [name, () => value, "ShapeMismatch", `a ${kind} is due`, `${kind}.make`]
    )
  const swapped = (is: string, is_not: string) =>
    ["ShapeMismatch", `is ${is}, and a ${is_not} is due`] as const
  returns(refused("apply", apply, due("Tangent")))
  returns(refused("quadraticForm", form, due("Tangent")))
  returns(refused("solve", solve, due("Cotangent")))
  returns(
    refused(
      "power",
      power,
      kinds.map(([name, value]): Row => [name, () => value, "ShapeMismatch", "Tangent or Cotangent"])
    )
  )
  for (const [name, fisher] of common) {
    returns([
      [
        `apply to a gradient, ${name}`,
        () => Fisher.apply(fisher, wrong(g)),
        ...swapped("Cotangent", "Tangent")
      ],
      [
        `quadraticForm with a gradient, ${name}`,
        () => Fisher.quadraticForm(fisher, wrong(g)),
        ...swapped("Cotangent", "Tangent")
      ],
      [
        `solve against an update, ${name}`,
        () => Fisher.solve(fisher, wrong(v), half),
        ...swapped("Tangent", "Cotangent")
      ]
    ])
  }
})

describe("a vector that was spoilt after it was made", () => {
  for (const [name, fisher] of spectral) {
    returns(
      [Number.NaN, Number.NEGATIVE_INFINITY].flatMap((value) =>
        [1, 0, -0.5].map(
          (exponent): Case => [
            `power ${exponent} of ${value}, ${name}`,
            () => Fisher.power(fisher, spoilt(v, value), { exponent, damping: 1 }),
            "NonFinite",
            "at index"
          ]
        )
      )
    )
  }
})

describe("a block", () => {
  const rows = (remedy: string): ReadonlyArray<Row> =>
    [2, -1, 0.5, Number.NaN, "0", null, undefined, "length", [0]].map((value) => [
      `block ${Array.isArray(value) ? "[0]" : value}`,
      () => value,
      "InvalidArgument",
      "block is ",
      remedy
    ])
  const due = rows("has the blocks 0 to 1. Give one of them.")
  for (const [name, fisher] of common) {
    returns(refused(`Fisher.restrict, ${name}`, (block) => Fisher.restrict(fisher, wrong(block)), due))
  }
  throws(refused("Tangent.restrict", (block) => Tangent.restrict(v, wrong(block)), due))
  throws(refused("Cotangent.restrict", (block) => Cotangent.restrict(g, wrong(block)), due))
  throws(refused("ParamSpace.block", (block) => ParamSpace.block(space, wrong(block)), due))

  const part = Effect.runSync(Effect.fromResult(Fisher.restrict(kfac, 1)))
  const mine = part.space.signature
  returns([
    [
      "block 1 against the whole vector",
      () => Fisher.apply(part, wrong(v)),
      "ShapeMismatch",
      mine,
      space.signature
    ],
    [
      "block 1 against a vector of block 0",
      () => Fisher.solve(part, wrong(Cotangent.restrict(g, 0)), half),
      "ShapeMismatch",
      mine,
      "block 0"
    ],
    [
      "the whole against a vector of block 1",
      () => Fisher.apply(kfac, wrong(Tangent.restrict(v, 1))),
      "ShapeMismatch",
      mine
    ],
    ["block 1 of block 1", () => Fisher.restrict(part, 1), "InvalidArgument", "block is 1", "0 to 0"]
  ])
})
