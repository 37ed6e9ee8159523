/**
 * Sums are a monoid to the last bit: `empty` is neutral, `combine` is associative, and parts in the order of the data give the bits of
 * one walk over it. What does not belong together is refused.
 */
import { Effect, Result, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { addExactly } from "../src/fisher/internal/exact.ts"
import {
  Accumulator,
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { type Case, returns } from "./support/refusals.ts"
import {
  accumulated,
  bitsOf,
  blockSize,
  blocks,
  bytes,
  given,
  N,
  network,
  type Problem,
  problems,
  type Space,
  type Sums
} from "./support/shares.ts"
import { allStructures } from "./support/structures.ts"

type Random = ReturnType<typeof generator>

const cases = 40
const seed = 17

/** 0, some cuts in ascending order, and `blocks`. */
const cuts = (random: Random): ReadonlyArray<number> => {
  const within = Array.from({ length: 1 + random.integer(6) }, () => 1 + random.integer(blocks - 1))
  return [0, ...new Set(within.toSorted((a, b) => a - b)), blocks]
}

/** The parts in their order, bracketed at random. */
const bracketed = <A>(parts: ReadonlyArray<A>, combine: (a: A, b: A) => A, random: Random): A => {
  if (parts.length === 1) return parts[0]!
  const at = 1 + random.integer(parts.length - 1)
  return combine(bracketed(parts.slice(0, at), combine, random), bracketed(parts.slice(at), combine, random))
}

const combine = (a: Sums, b: Sums): Sums => Result.getOrThrow(Accumulator.combine(a, b))

/** What the passes of a structure take: its own moments, or those of the first and then of the second. */
const passes = (structure: Structure.AnyStructure<never>, problem: Problem) =>
  Effect.gen(function* () {
    if (!("second" in structure)) return [structure]
    const { kernels } = yield* Device
    const first = yield* accumulated(problem, structure.first, 0, blocks)
    return [structure.first, Result.getOrThrow(Fisher.secondPass(structure, first, kernels))]
  })

/** The sums of every range of blocks, each made by a walk of its own over it. */
const everyRange = (problem: Problem, pass: Structure.Structure<never>) =>
  Effect.gen(function* () {
    const made = new Map<string, Sums>()
    for (let from = 0; from <= blocks; from++) {
      for (let to = from + 1; to <= blocks; to++) {
        made.set(`${from} ${to}`, yield* accumulated(problem, pass, from, to))
      }
    }
    return (from: number, to: number): Sums => made.get(`${from} ${to}`)!
  })

describe("the means of one block", () => {
  for (const [name, structure] of Object.entries<Structure.AnyStructure<never>>(allStructures)) {
    it(`are those of finish, which leaves the sums as they are, also in their place [${name}]; control: finished there again they are others`, async () => {
      const problem = Object.values(problems)[0]!
      const program = Effect.gen(function* () {
        const { kernels } = yield* Device
        for (const pass of yield* passes(structure, problem)) {
          const sums = yield* accumulated(problem, pass, 0, 1)
          const before = bitsOf(sums)
          const meansOf = (finish: typeof Accumulator.finish) =>
            Result.getOrThrow(finish(sums, kernels)).means.map(bytes)
          const due = meansOf(Accumulator.finish)
          expect(bitsOf(sums)).toEqual(before)
          expect(meansOf(Accumulator.finishInPlace)).toEqual(due)
          // Rows are float64 by then.
          if (name === "gram") continue
          expect(bitsOf(sums)).not.toEqual(before)
          expect(meansOf(Accumulator.finish)).not.toEqual(due)
        }
      })
      await given(problem)(program)
    })
  }
})

describe(`combine, in ${cases} partitions and bracketings for each [seed ${seed}]`, () => {
  for (const [name, structure] of Object.entries<Structure.AnyStructure<never>>(allStructures)) {
    for (const [title, problem] of Object.entries(problems)) {
      it(`gives the bits of one walk, and its means are those of Fisher.estimate [${name}, ${title}]`, async () => {
        const random = generator(seed)
        const { conditional, params } = problem
        const program = Effect.gen(function* () {
          const { kernels } = yield* Device
          const estimate = yield* Fisher.estimate(conditional, params, structure, { blockSize })
          let means: ReadonlyArray<Float32Array> = []
          for (const pass of yield* passes(structure, problem)) {
            const range = yield* everyRange(problem, pass)
            const nothing: Sums = Accumulator.empty(pass, network.space)
            const due = bitsOf(range(0, blocks))
            for (let i = 0; i < cases; i++) {
              const at = cuts(random)
              const parts = at.slice(1).map((to, j) => range(at[j]!, to))
              const all = parts.flatMap((sums) =>
                random.integer(3) === 0 ? [nothing, sums, nothing] : [sums]
              )
              const whole = bracketed(all, combine, random)
              expect(bitsOf(whole), `case ${i}, cuts at ${at.join(" ")}`).toEqual(due)
            }
            means = Result.getOrThrow(Accumulator.finish(range(0, blocks), kernels)).means
          }
          expect(means.map(bytes)).toEqual(estimate.means.map(bytes))
        })
        await given(problem)(program)
      })
    }
  }
})

describe("control: float64 addition alone", () => {
  it("is not associative on these sums of blocks, where the rests are not all 0", async () => {
    const problem = problems["gaussian, scales 2^-10 to 2^10"]
    const parts = await given(problem)(
      Effect.forEach(
        Array.from({ length: blocks }, (_, b) => b),
        (b) => accumulated(problem, Structure.dense, b, b + 1)
      )
    )
    const plain = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]!)
    const sums = parts.map((part) => new Float64Array(part.sums[0]!))
    const left = sums.reduce(plain)
    const right = sums.reduceRight((after, sum) => plain(sum, after))
    expect(bytes(left)).not.toBe(bytes(right))
    expect(parts.reduce(combine).rests[0]!.some((rest) => rest !== 0)).toBe(true)
  })
})

type Pair = readonly [sum: number, rest: number]
type Add = typeof addExactly

const adding =
  (add: Add) =>
  ([a, restA]: Pair, [b, restB]: Pair): Pair => {
    const [sum, rest] = [Float64Array.of(a), Float64Array.of(restA)]
    add(sum, rest, Float64Array.of(b), Float64Array.of(restB))
    return [sum[0]!, rest[0]!]
  }

/** Numbers of 24 bits, some negative, whose partial sums stay under 2^bits, in units of the last bit of the smallest. */
const terms = (random: Random, bits: number): ReadonlyArray<number> => {
  const count = 2 + random.integer(30)
  const most = bits - 24 - 5
  return Array.from({ length: count }, () => {
    const sign = random.integer(2) === 0 ? 1 : -1
    // The ends of the range more often than chance would have them.
    const exponent = [0, most, random.integer(most + 1), random.integer(most + 1)][random.integer(4)]!
    return sign * (2 ** 23 + random.integer(2 ** 23)) * 2 ** exponent
  })
}

/** How many sums are not the exact one, rounded, with what rounding took; and how many change with their brackets. */
const flaws = (add: Add, bits: number, unit = 1) => {
  const random = generator(seed)
  const counts = { inexact: 0, moved: 0 }
  for (let i = 0; i < 2000; i++) {
    const integers = terms(random, bits)
    const exact = integers.reduce((sum, term) => sum + BigInt(term), 0n)
    const due = Number(exact)
    const pairs = integers.map((term): Pair => [unit * term, 0])
    const made = bracketed(pairs, adding(add), random)
    const again = bracketed(pairs, adding(add), random)
    const rest = Number(exact - BigInt(due))
    if (made[0] !== unit * due || made[1] !== unit * rest || BigInt(due) + BigInt(rest) !== exact)
      counts.inexact++
    if (made[0] !== again[0] || made[1] !== again[1]) counts.moved++
  }
  return counts
}

/** A float64 sum that keeps no rest. */
const plain: Add = (sum, _, term) => {
  sum[0] = sum[0]! + term[0]!
}

/** One that keeps what it lost, and never adds it back to the sum. */
const unsettled: Add = (sum, rest, term, more) => {
  const [a, b] = [sum[0]!, term[0]!]
  const s = a + b
  const bb = s - a
  sum[0] = s
  rest[0] = a - (s - bb) + (b - bb) + rest[0]! + (more?.[0] ?? 0)
}

describe("a sum and its rest, against whole numbers of any size", () => {
  it("are exact, the sum rounded to nearest, while partial sums are under 2^105 of the last bit: 0 of 2000; controls: without a rest, without settling it, and at 2^125", () => {
    expect(flaws(addExactly, 105)).toEqual({ inexact: 0, moved: 0 })
    for (const add of [plain, unsettled]) expect(flaws(add, 105).inexact).toBeGreaterThan(100)
    expect(flaws(plain, 105).moved).toBeGreaterThan(100)
    expect(flaws(addExactly, 125).inexact).toBeGreaterThan(0)
  })
  it("are so in units of the smallest float32, 2^-149", () => {
    expect(flaws(addExactly, 105, 2 ** -149)).toEqual({ inexact: 0, moved: 0 })
  })
  it("stay non-finite once a term was", () => {
    for (const term of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      for (const pairs of [
        [term, 1, 2],
        [1, term, 2],
        [1, 2, term]
      ]) {
        const [sum] = pairs.map((value): Pair => [value, 0]).reduce(adding(addExactly))
        expect(Number.isFinite(sum)).toBe(false)
      }
    }
  })
})

const problem = problems["categorical, one scale"]
const { conditional, params } = problem
const dense = (from: number, to: number, options = {}, at = params) =>
  Fisher.accumulate(conditional, at, Structure.dense, { blockSize, from, to, ...options })
const here = given(problem)

/** The first 42 examples of 75, what may follow them, and what may not. */
const first = await here(dense(0, 42))
const next = await here(dense(42, N))
const others: Readonly<Record<string, () => Promise<Sums>>> = {
  likelihood: () =>
    here(
      Fisher.accumulate(Conditional.make(network, Likelihood.bernoulli), params, Structure.dense, {
        blockSize,
        from: 42
      })
    ),
  params: () => here(dense(42, N, {}, Conditional.init(conditional, { seed: 4 }))),
  sampler: () => given(problem, { sampler: Sampler.monteCarlo({ draws: 3, seed: 1 }) })(dense(42, N)),
  source: () =>
    given(problem, { source: DataSource.fromStream({ pass: () => Stream.make({ x: problem.x }) }) })(
      dense(42, 70)
    ),
  examples: () =>
    given(problem, { source: DataSource.fromArrays({ x: problem.x.slice(0, 70) }) })(dense(42, 70)),
  device: () => given(problem, { device: Device.wasm })(dense(42, N)),
  blockSize: () => here(dense(42, N, { blockSize: 14 })),
  pass: () => here(dense(42, N, { pass: 1 })),
  round: () => here(dense(42, N, { round: 1 }))
}
const overlap = await here(dense(35, N))
const gap = await here(dense(49, N))
const wider = Network.sequential(4, [Network.dense(6), Network.relu, Network.dense(3)])
const [ofWider, ofDiagonal] = await here(
  Effect.all([
    Fisher.accumulate(
      Conditional.make(wider, Likelihood.categorical),
      Conditional.init(Conditional.make(wider, Likelihood.categorical), { seed: 3 }),
      Structure.dense,
      { blockSize, from: 42 }
    ),
    Fisher.accumulate(conditional, params, Structure.diagonal, { blockSize, from: 42 })
  ])
)
const inBases = await here(
  Effect.gen(function* () {
    const { kernels } = yield* Device
    const of = (sums: Accumulator.Accumulator<Space, never>) =>
      Fisher.accumulate(
        conditional,
        params,
        Result.getOrThrow(Fisher.secondPass<Space, never>(Structure.ekfac, sums, kernels)),
        { blockSize, from: 0, to: 42 }
      )
    const [half, whole] = [
      yield* accumulated(problem, Structure.kfac, 0, 6),
      yield* accumulated(problem, Structure.kfac, 0, blocks)
    ]
    return [yield* of(half), yield* of(whole)] as const
  })
)
const differing = await Effect.runPromise(
  Effect.forEach(Object.entries(others), ([field, make]) =>
    Effect.map(Effect.promise(make), (sums) => ({ field, sums }))
  )
)
const together = (a: Sums, b: unknown) => () => Accumulator.combine(a, b as Sums)
const refused: ReadonlyArray<Case> = [
  ...differing.map(
    ({ field, sums }): Case => [
      `combine: another ${field}`,
      together(first, sums),
      "SnapshotMismatch",
      `The ${field} of the sums is`
    ]
  ),
  [
    "combine: the second part first",
    together(next, first),
    "SnapshotMismatch",
    "The from of the sums is 0, and 75 is due"
  ],
  [
    "combine: the same part twice",
    together(first, first),
    "SnapshotMismatch",
    "The from of the sums is 0, and 42 is due"
  ],
  [
    "combine: an overlap",
    together(first, overlap),
    "SnapshotMismatch",
    "The from of the sums is 35, and 42 is due"
  ],
  ["combine: a gap", together(first, gap), "SnapshotMismatch", "The from of the sums is 49, and 42 is due"],
  ["combine: another network", together(first, ofWider), "ShapeMismatch", "dense(6)", "dense(5)"],
  ["combine: another structure", together(first, ofDiagonal), "ShapeMismatch", "diagonal", "dense"],
  [
    "combine: EKFAC in the bases of other examples",
    together(inBases[0], inBases[1]),
    "ShapeMismatch",
    "other bases"
  ]
]

describe("what does not belong together is refused", () => {
  it("control: what does is not", () => {
    expect(combine(first, next).weight).toBe(N)
    expect(combine(first, next).origin).toEqual({ ...first.origin, to: N })
  })
  returns(refused)
})
