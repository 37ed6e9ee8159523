/**
 * The errors of an estimate are what estimating anew gives: without each group of examples, and with its y drawn anew. The estimate
 * itself is that of `Fisher.estimate`, to the bit.
 */
import { Effect, Layer, Result, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { DataSource, Device, Draws, Fisher, Sampler, Structure } from "../src/index.ts"
import type { Case } from "./oracle/cases.ts"
import { generator } from "./oracle/random.ts"
import { eps32, ratio, worst } from "./support/measure.ts"
import { type Able, type AnyAble, examples, problems, structures } from "./support/measured.ts"
import { subject } from "./support/subject.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const [N, M] = [examples, 5]

/** Blocks of 13 and 11 examples, cut into groups of at most 3 that are as equal as they can be. */
const options = { blockSize: 13, groupSize: 3, round: 2 }
const cuts = [0, 2, 5, 7, 10, 13, 15, 18, 21, 24]

const samplers: Readonly<Record<string, Layer.Layer<Sampler, unknown>>> = {
  monteCarlo: Sampler.monteCarlo({ draws: M, seed: 0 }),
  stratified: Sampler.stratified({ draws: M, seed: 0 })
}

type Run = <A, E>(program: Effect.Effect<A, E, DataSource | Sampler | Device>) => Promise<A>

/** What can be done with a problem: its estimates with errors, and those that the errors are to be of. */
const estimates = (c: Case, sampler: Layer.Layer<Sampler, unknown>) => {
  const { conditional, params, tangent } = subject(c)
  const v = tangent(generator(3).normals(c.theta.length))
  const X = c.X.map((x) => Array.from(x))
  const run =
    (source: Layer.Layer<DataSource, unknown>, drawn = sampler): Run =>
    (program) =>
      Effect.runPromise(program.pipe(Effect.provide(Layer.mergeAll(source, drawn, Device.cpu))))
  const whole = DataSource.fromArrays({ x: X })
  const { blockSize, round } = options
  const estimate = (structure: AnyAble, runner: Run) =>
    runner(Fisher.estimate(conditional, params, structure, { blockSize, round }))
  /** The examples before `from`, and those from `to` on, each with its place in the data. */
  const others = (from: number, to: number) => {
    const parts = [
      { x: X.slice(0, from), firstIndex: 0 },
      { x: X.slice(to), firstIndex: to }
    ]
    return DataSource.fromStream({ pass: () => Stream.fromIterable(parts.filter(({ x }) => x.length > 0)) })
  }
  return {
    withErrors: (structure: AnyAble, more: object = {}) =>
      run(whole)(
        Fisher.estimateWithErrors(conditional, params, structure, { ...options, ...more, along: [v] })
      ),
    all: (structure: AnyAble) => estimate(structure, run(whole)),
    without: (structure: AnyAble, from: number, to: number) => estimate(structure, run(others(from, to))),
    drawn: (structure: AnyAble, from: number, to: number, weight: number) =>
      estimate(structure, run(whole, redrawn(sampler, from, to, weight))),
    numbers: (fisher: Fisher.Fisher<string, Able>) => [
      Fisher.trace(fisher),
      Fisher.frobeniusNorm(fisher),
      Result.getOrThrow(Fisher.quadraticForm(fisher, v))
    ]
  }
}

/** The draws of the round; in examples `from` to `to` those of the last round of all, too, with this share of the weight. */
const redrawn = (sampler: Layer.Layer<Sampler, unknown>, from: number, to: number, share: number) =>
  Layer.effect(
    Sampler,
    Sampler.useSync(({ draw, name }) => ({
      name,
      draw: (outputs, round) =>
        Effect.gen(function* () {
          const both = [yield* draw(outputs, round), yield* draw(outputs, 2 ** 53 - 1 - round)]
          const [first, second] = both.map((draws) => (draws._tag === "Labels" ? draws : undefined))
          const { examples, indices } = outputs.batch
          const weights = new Float64Array(2 * M * examples)
          for (let row = 0; row < M * examples; row++) {
            const index = indices[row % examples]!
            const moved = index >= from && index < to ? share : 0
            weights[row] = (1 - moved) / M
            weights[M * examples + row] = moved / M
          }
          const labels = Float64Array.of(...first!.labels, ...second!.labels)
          return Draws.Labels({ columns: 2 * M, labels, weights })
        })
    }))
  ).pipe(Layer.provide(sampler))

const sum = (of: ReadonlyArray<number>): number => of.reduce((a, b) => a + b, 0)

/** The Fishers without each group and with its other draws, and which part of the examples it is. */
const anew = async (
  { all, drawn, without }: ReturnType<typeof estimates>,
  structure: AnyAble,
  bounds: ReadonlyArray<number>
) => ({
  all: await all(structure),
  each: await Promise.all(
    bounds.slice(1).map(async (to, b) => ({
      weight: (to - bounds[b]!) / N,
      without: await without(structure, bounds[b]!, to),
      anew: await drawn(structure, bounds[b]!, to, 1),
      both: await drawn(structure, bounds[b]!, to, 0.5)
    }))
  )
})

/** Standard errors and biases by the jackknife over these groups, number by number. */
const jackknife = async (
  of: ReturnType<typeof estimates>,
  structure: AnyAble,
  bounds: ReadonlyArray<number>
) => {
  const { all, each } = await anew(of, structure, bounds)
  const count = each.length
  const squares = (of: ReadonlyArray<number>): number => sum(of.map((d) => (d - sum(of) / count) ** 2))
  return of.numbers(all).map((value, i) => {
    const number = (fisher: typeof all): number => of.numbers(fisher)[i]!
    const left = each.map(({ weight, without }) => (1 - weight) * (number(without) - value))
    const drawn = each.map(({ anew }) => number(anew) - value)
    return {
      value,
      total: {
        bias: sum(left),
        standardError: Math.sqrt(squares(left) / (1 - sum(each.map(({ weight }) => weight ** 2))))
      },
      draws: {
        bias: sum(each.map(({ anew, both }) => value + number(anew) - 2 * number(both))),
        standardError: Math.sqrt((squares(drawn) / 2) * (count / (count - 1)))
      }
    }
  })
}

/** The largest difference of two lists of errors, in units of B eps times the value. */
const apart = (ours: ReadonlyArray<Fisher.Uncertain>, due: Awaited<ReturnType<typeof jackknife>>): number =>
  worst(
    due.flatMap(({ value, ...sources }, i) =>
      (["draws", "total"] as const).flatMap((source) =>
        (["bias", "standardError"] as const).map((part) =>
          ratio(
            Math.abs(ours[i]![source][part] - sources[source][part]),
            (cuts.length - 1) * eps32 * Math.abs(value)
          )
        )
      )
    )
  )

describe("the errors are those of estimating anew without each group and with its other draws, ratio <= 10", () => {
  for (const [title, c] of Object.entries(problems)) {
    for (const [name, structure] of Object.entries(structures)) {
      const sampler = name === "kfac" ? "stratified" : "monteCarlo"
      it(`${name} x ${title}, ${sampler}; control: the groups one example later`, async () => {
        const of = estimates(c, samplers[sampler]!)
        // Bases count as given.
        const given = "second" in structure ? (await of.all(structure)).structure : structure
        const { errors } = await of.withErrors(given)
        const ours = [errors.trace, errors.frobeniusNorm, ...errors.forms]
        expect(errors.groups).toBe(cuts.length - 1)
        expect(apart(ours, await jackknife(of, given, cuts))).toBeLessThanOrEqual(10)
        const later = cuts.map((cut) => (cut === 0 || cut === N ? cut : cut + 1))
        expect(apart(ours, await jackknife(of, given, later))).toBeGreaterThan(10)
      })
    }
  }
})

describe("groups of several blocks", () => {
  it("give the errors of estimating anew too, ratio <= 10; control: groups of one block", async () => {
    const of = estimates(problems["a categorical of 4 classes"]!, samplers["monteCarlo"]!)
    const threes = Array.from({ length: 9 }, (_, b) => 3 * b)
    const ours = async (more: object) => {
      const { errors } = await of.withErrors(Structure.kfac, { blockSize: 1, ...more })
      return [errors.trace, errors.frobeniusNorm, ...errors.forms]
    }
    const due = await jackknife(of, Structure.kfac, threes)
    expect(apart(await ours({ groupSize: 3 }), due)).toBeLessThanOrEqual(10)
    expect(apart(await ours({ groupSize: 1 }), due)).toBeGreaterThan(10)
  })
})

describe("the errors of the moments", () => {
  it("dense: |F_hat - F| is that of estimating anew, ratio <= 10; control: that of the norm", async () => {
    const of = estimates(problems["a categorical of 4 classes"]!, samplers["monteCarlo"]!)
    const { errors, fisher } = await of.withErrors(Structure.dense)
    const { all, each } = await anew(of, Structure.dense, cuts)
    const due = Structure.unpacked(all.means[0]!)
    const squared = (other: typeof all): number =>
      Structure.unpacked(other.means[0]!).reduce((total, value, i) => total + (value - due[i]!) ** 2, 0)
    const weights = each.map(({ weight }) => weight)
    const total = Math.sqrt(
      sum(each.map(({ weight, without }) => (1 - weight) ** 2 * squared(without))) /
        (1 - sum(weights.map((weight) => weight ** 2)))
    )
    const draws = Math.sqrt(sum(each.map(({ anew }) => squared(anew))) / 2)
    const [found] = errors.moments
    const unit = (cuts.length - 1) * eps32 * Fisher.frobeniusNorm(all)
    expect(found!.norm).toBe(errors.frobeniusNorm.value)
    expect(ratio(Math.abs(found!.draws - draws), unit)).toBeLessThanOrEqual(10)
    expect(ratio(Math.abs(found!.total - total), unit)).toBeLessThanOrEqual(10)
    expect(ratio(Math.abs(errors.frobeniusNorm.draws.standardError - draws), unit)).toBeGreaterThan(10)
    expect(fisher.means).toEqual(all.means)
  })
  for (const name of ["unitwise", "blockDiagonal"] as const) {
    it(`${name}: their squared norms sum to that of the Fisher, ratio <= 10; control: off-diagonals once`, async () => {
      const of = estimates(problems["a categorical of 4 classes"]!, samplers["monteCarlo"]!)
      const { errors, fisher } = await of.withErrors(Structure[name])
      const due = Fisher.frobeniusNorm(fisher) ** 2
      const squares = (values: Iterable<number>): number => sum(Array.from(values, (value) => value ** 2))
      const away = (found: number): number =>
        ratio(Math.abs(found - due), errors.moments.length * eps32 * due)
      expect(errors.moments.length).toBeGreaterThan(1)
      expect(away(squares(errors.moments.map(({ norm }) => norm)))).toBeLessThanOrEqual(10)
      expect(away(sum(fisher.means.map(squares)))).toBeGreaterThan(10)
    })
  }
})

describe("the estimate", () => {
  const c = problems["a convolution of 4 positions"]!
  const { conditional, params, tangent } = subject(c)
  const along = [tangent(generator(3).normals(c.theta.length))]
  const x = c.X.map((row) => Array.from(row))
  const run =
    (batchSize: number, sampler = samplers["monteCarlo"]!): Run =>
    (program) =>
      Effect.runPromise(
        program.pipe(
          Effect.provide(Layer.mergeAll(DataSource.fromArrays({ x, batchSize }), sampler, Device.wasm))
        )
      )

  for (const [name, structure] of Object.entries(structures)) {
    it(`${name}: has the bits of Fisher.estimate, and its value those of the operations; control: the next round`, async () => {
      const { blockSize, round } = options
      const at = (round: number) =>
        run(N)(Fisher.estimate(conditional, params, structure, { blockSize, round }))
      const { errors, fisher } = await run(N)(
        Fisher.estimateWithErrors(conditional, params, structure, { ...options, along })
      )
      const due = await at(round)
      expect(fisher.means).toEqual(due.means)
      expect(fisher.structure.constants).toEqual(due.structure.constants)
      expect([errors.trace.value, errors.frobeniusNorm.value, errors.forms[0]!.value]).toEqual([
        Fisher.trace(due),
        Fisher.frobeniusNorm(due),
        Result.getOrThrow(Fisher.quadraticForm(due, along[0]!))
      ])
      expect((await at(round + 1)).means).not.toEqual(due.means)
    })
  }

  it("its errors have the same bits for batches of 1, 7 and all, and for concurrency 4; control: groups of 2", async () => {
    const errors = async (batchSize: number, more: object = {}) =>
      (
        await run(batchSize)(
          Fisher.estimateWithErrors(conditional, params, Structure.kfac, { ...options, along, ...more })
        )
      ).errors
    const due = await errors(N)
    for (const batchSize of [1, 7]) expect(await errors(batchSize)).toEqual(due)
    expect(await errors(7, { concurrency: 4 })).toEqual(due)
    expect(await errors(N, { groupSize: 2 })).not.toEqual(due)
  })

  it("a sampler that draws nothing has no error of draws, to the bit, and all of it from x; control: Monte Carlo", async () => {
    const labelled = DataSource.fromArrays({ x, y: c.Y.map((y) => Array.from(y)) })
    const errors = async (sampler: Layer.Layer<Sampler, unknown>) => {
      const made = await Fisher.estimateWithErrors(conditional, params, Structure.dense, {
        ...options,
        along
      }).pipe(Effect.provide(Layer.mergeAll(labelled, sampler, Device.cpu)), Effect.runPromise)
      return [made.errors.trace, made.errors.frobeniusNorm, ...made.errors.forms]
    }
    for (const sampler of [Sampler.exact, Sampler.empirical]) {
      for (const { data, draws, total, value } of await errors(sampler)) {
        expect(draws).toEqual({ ...total, bias: 0, standardError: 0 })
        expect(data).toBe(total.standardError)
        expect(data).toBeGreaterThan(0)
        expect(Result.getOrThrow(Fisher.interval(draws, 0.95))).toEqual([value, value])
      }
    }
    for (const { data, draws, total } of await errors(samplers["monteCarlo"]!)) {
      expect(draws.standardError).toBeGreaterThan(0)
      const squares = data ** 2 + draws.standardError ** 2
      expect(
        ratio(Math.abs(squares - Math.max(total.standardError, draws.standardError) ** 2), 2 ** -53 * squares)
      ).toBeLessThan(10)
    }
  })
})
